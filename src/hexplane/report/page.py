"""The page: everything in one HTML file that opens from disk without a network."""

from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from hexplane import frame
from hexplane.report import (
    charts,
    demo,
    images,
    latents,
    library,
    overview,
    scale,
    screen,
    verdict,
    views,
)
from hexplane.report.arms import MANY, looks
from hexplane.report.costs import stage_costs
from hexplane.report.gallery import Shelf
from hexplane.report.hypotheses import Verdict, judge
from hexplane.report.machine import commit, machine
from hexplane.report.repeats import repeats
from hexplane.report.results import SPLITS, Results
from hexplane.report.runs import Row, run_rows
from hexplane.report.scripts import json_text
from hexplane.report.sentences import best_arm, sentences
from hexplane.report.sizes import sizes
from hexplane.report.text import duration, figure, number, percent, plural, size
from hexplane.report.verdict import Group, Measure
from hexplane.specs.hypotheses import Hypothesis
from hexplane.specs.interpolate import STEPS

MOST_EVIDENCE = 6
"""A condition on more arms or pairs than this folds its table away."""


def build_page(results: Results, shelves: list[Shelf]) -> str:
    """The report as one HTML document; `shelves` are its still pictures."""
    environment = Environment(
        loader=FunctionLoader(_text),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "size": size,
        "duration": duration,
        "figure": figure,
        "percent": percent,
        "plural": plural,
        "script": _script,
    }
    environment.tests["every"] = lambda held, state: all(part is state for part in held.values())
    return environment.get_template("template.html").render(**_content(results, shelves))


def _content(results: Results, shelves: list[Shelf]) -> dict[str, Any]:
    arm_looks = looks(results.experiments)
    columns = verdict.measures(results)
    decision = verdict.decisive(columns) if columns else None
    groups = verdict.groups(results)
    score_chart = decision and charts.score_chart(results, decision, arm_looks)
    histories = {arm: results.history(arm) for arm in results.experiments}
    curves = charts.training_charts(histories, arm_looks, _likelihoods(results))
    rows = run_rows(results)
    run_charts = latents.latent_charts(results, rows, arm_looks) if rows else []
    resolution = overview.resolution(results)
    shown, blends, bytes_of = demo.build(results), demo.blends(results), sizes(results)
    return {
        "results": results,
        "looks": arm_looks,
        "many": len(results.experiments) > MANY,
        "sentences": sentences(results, groups, decision, resolution),
        "counts": overview.counts(results),
        "total": sum(len(results.spec.split.get(part, [])) for part in SPLITS),
        "repeats": len({seed for _, seed in results.spec.runs.values()}),
        "diagnosed": max((row["heads"] for row in rows), default=0),
        "resolution": resolution,
        "verdicts": _verdicts(results, rows),
        "most_evidence": MOST_EVIDENCE,
        "arms": overview.arms(results),
        "tables": repeats(rows),
        "run_charts": run_charts,
        "groups": groups,
        "measures": columns,
        "decision": decision,
        "failed_below": verdict.FAILED_BELOW,
        "score_chart": score_chart,
        "curves": curves,
        "views": frame.VIEW_NAMES,
        "kinds": views.KINDS,
        "steepest": views.STEEPEST,
        "overlap": {
            "common": images.COMMON,
            "missing": images.MISSING,
            "added": images.ADDED,
        },
        "demo": shown,
        "blends": blends,
        "gallery": shelves,
        "sizes": bytes_of,
        "largest_size": max((item.stored for item in bytes_of), default=1.0),
        "costs": stage_costs(results),
        "machine": machine(),
        "commit": commit(),
        "versions": overview.versions(results),
        "seeds": overview.seeds(results),
        "configuration": overview.configuration(results),
        "about": _about(results, shown, blends, groups, decision),
        "figures": [*([score_chart] if score_chart else []), *run_charts, *curves],
        "style": Markup(_text("style.css").replace("SCALE", ", ".join(scale.STOPS))),
        "three": Markup(library.three()),
        "demo_script": Markup(_text("viewer.js") + _text("demo.js")),
        "blend_script": Markup(_text("blend.js")),
        "plotly": Markup(library.plotly()),
        "charts_script": Markup(_text("charts.js")),
    }


def _about(
    results: Results,
    shown: demo.Demo,
    blends: demo.Blends,
    groups: list[Group],
    decision: Measure | None,
) -> dict[str, Any]:
    """What the demo's script needs besides the heads; it starts with the best arm."""
    best = best_arm(groups, decision)
    arm = best.name if best else results.experiments[0]
    return {
        "heads": list(shown.heads),
        "views": frame.VIEW_NAMES,
        "arm": arm,
        "blend_arm": list(blends.arms).index(arm) if arm in blends.arms else None,
        "blend_steps": STEPS,
        "scale": scale.STOPS,
        "extent": screen.EXTENT,
    }


def _verdicts(results: Results, rows: list[Row]) -> list[Verdict]:
    chosen = results.spec.config.get("hypotheses", {})
    hypotheses = {name: Hypothesis.model_validate(own) for name, own in chosen.items()}
    return judge(hypotheses, rows, results.experiments) if rows else []


def _likelihoods(results: Results) -> dict[str, str]:
    chosen = results.spec.config["experiments"]
    return {arm: chosen[arm].get("likelihood", "fitted") for arm in results.experiments}


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _script(value: Any) -> Markup:
    """JSON for a script element; text is JSON already."""
    return Markup(value if isinstance(value, str) else json_text(value))
