"""The page: everything in one HTML file that opens from disk without a network."""

from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from hexplane.analysis import classical, failure, machine, novelty, overview, rates
from hexplane.analysis.study import Study
from hexplane.geometry import frame
from hexplane.report import web
from hexplane.report.charts import latents, training
from hexplane.report.charts.looks import MANY, looks
from hexplane.report.charts.rates import RIVAL_LOOKS, rate_charts
from hexplane.report.demo import build as demo
from hexplane.report.demo import screen
from hexplane.report.pictures import images, scale, views
from hexplane.report.pictures.draws import draws
from hexplane.report.pictures.gallery import Shelf
from hexplane.report.pictures.rates import at_sizes
from hexplane.report.pictures.silhouettes import drawn_silhouettes
from hexplane.report.sentences import best_arm, repairs, sentences
from hexplane.report.text import duration, figure, number, percent, plural, size
from hexplane.report.web import library
from hexplane.report.web.scripts import json_text
from hexplane.settings.interpolate import STEPS
from hexplane.settings.novelty import ACCURACY_TARGET, CLOSED_TARGET
from hexplane.settings.rates import AVERAGED
from hexplane.split import not_held_out

MOST_EVIDENCE = 6
"""A condition on more arms or pairs than this folds its table away."""


def build_page(study: Study, shelves: list[Shelf]) -> str:
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
    return environment.get_template("template.html").render(**_content(study, shelves))


def _content(study: Study, shelves: list[Shelf]) -> dict[str, Any]:
    chosen = study.results.settings
    results, decision, groups, rows = study.results, study.decision, study.groups, study.rows
    arm_looks = looks(results.arms) | {
        name: look for name, look in RIVAL_LOOKS.items() if name in results.rated
    }
    score_chart = decision and training.score_chart(results, decision, arm_looks)
    curves = training.training_charts(study.histories, arm_looks, _likelihoods(study))
    run_charts = latents.latent_charts(results, rows, arm_looks) if rows else []
    of_rates = rate_charts(study.families, arm_looks)
    shown, blends = demo.build(study), demo.blends(results)
    return {
        "results": results,
        "looks": arm_looks,
        "many": len(results.arms) > MANY,
        "sentences": sentences(study),
        "warning": not_held_out(chosen.split, chosen.config.get("split", {})),
        "repairs": repairs(study),
        "counts": overview.counts(results),
        "total": sum(len(names) for names in results.settings.groups.values()),
        "repeats": len({seed for _, seed in results.settings.runs.values()}),
        "diagnosed": max((row["heads"] for row in rows), default=0),
        "resolution": study.resolution,
        "verdicts": study.verdicts,
        "most_evidence": MOST_EVIDENCE,
        "arms": overview.arms(results, study.histories),
        "tables": study.seed_tables,
        "run_charts": run_charts,
        "groups": groups,
        "measures": study.columns,
        "decision": decision,
        "failed_below": failure.FAILED_BELOW,
        "poor_below": failure.POOR_BELOW,
        "score_chart": score_chart,
        "curves": curves,
        "families": study.families,
        "rate_charts": of_rates,
        "rated": list(results.rated),
        "averaged": AVERAGED,
        "rate_budgets": rates.budgets_shown(results),
        "decoders": rates.decoders(results),
        "at_sizes": at_sizes(study),
        "drawn": study.drawn,
        "classical": classical.tables(results),
        "silhouettes": drawn_silhouettes(study) if results.classical else None,
        "draws": draws(study),
        "beside": novelty.BESIDE,
        "shapes": novelty.SHAPES,
        "closed_target": CLOSED_TARGET,
        "accuracy_target": ACCURACY_TARGET,
        "islands": chosen.config.get("extraction", {}).get("islands", 0.0),
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
        "sizes": study.sizes,
        "largest_size": max((item.stored for item in study.sizes), default=1.0),
        "costs": study.costs,
        "machine": machine.machine(),
        "commit": machine.commit(),
        "versions": overview.versions(results),
        "seeds": overview.seeds(results),
        "configuration": overview.configuration(results),
        "about": _about(study, shown, blends),
        "figures": [*([score_chart] if score_chart else []), *of_rates, *run_charts, *curves],
        "style": Markup(_text("style.css").replace("SCALE", ", ".join(scale.STOPS))),
        "three": Markup(library.three()),
        "demo_script": Markup(_text("viewer.js") + _text("demo.js")),
        "blend_script": Markup(_text("blend.js")),
        "plotly": Markup(library.plotly()),
        "charts_script": Markup(_text("charts.js")),
    }


def _about(study: Study, shown: demo.Demo, blends: demo.Blends) -> dict[str, Any]:
    """What the demo's script needs besides the heads; it starts with the best arm."""
    best = best_arm(study.groups, study.decision)
    arm = best.name if best else study.results.arms[0]
    return {
        "heads": list(shown.heads),
        "views": frame.VIEW_NAMES,
        "arm": arm,
        "blend_arm": list(blends.arms).index(arm) if arm in blends.arms else None,
        "blend_steps": STEPS,
        "scale": scale.STOPS,
        "extent": screen.EXTENT,
    }


def _likelihoods(study: Study) -> dict[str, str]:
    chosen = study.results.settings.config["arms"]
    return {arm: chosen[arm].get("likelihood", "fitted") for arm in study.results.arms}


def _text(name: str) -> str:
    return resources.files(web).joinpath(name).read_text(encoding="utf-8")


def _script(value: Any) -> Markup:
    """JSON for a script element; text is JSON already."""
    return Markup(value if isinstance(value, str) else json_text(value))
