"""The page: everything in one HTML file that opens from disk without a network."""

import json
import math
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from hexplane import frame
from hexplane.report import charts, latents, overview, pictures, verdict
from hexplane.report.arms import MANY, looks
from hexplane.report.hypotheses import Verdict, judge
from hexplane.report.repeats import repeats
from hexplane.report.results import SPLITS, Results
from hexplane.report.runs import Row, run_rows
from hexplane.specs.hypotheses import Hypothesis

MOST_EVIDENCE = 6
"""A condition on more arms or pairs than this folds its table away."""


def build_page(results: Results) -> str:
    """The report as one HTML document."""
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
    }
    environment.tests["every"] = lambda held, state: all(part is state for part in held.values())
    return environment.get_template("template.html").render(**_content(results))


def _content(results: Results) -> dict[str, Any]:
    arm_looks = looks(results.experiments)
    columns = verdict.measures(results)
    decision = verdict.decisive(columns) if columns else None
    shown = pictures.shown_heads(results)
    score_chart = decision and charts.score_chart(results, decision, arm_looks)
    histories = {arm: results.history(arm) for arm in results.experiments}
    curves = charts.training_charts(histories, arm_looks, _likelihoods(results))
    rows = run_rows(results)
    tables = repeats(rows)
    run_charts = latents.latent_charts(results, rows, arm_looks) if rows else []
    return {
        "results": results,
        "looks": arm_looks,
        "many": len(results.experiments) > MANY,
        "counts": overview.counts(results),
        "total": sum(len(results.spec.split.get(part, [])) for part in SPLITS),
        "repeats": len({seed for _, seed in results.spec.runs.values()}),
        "diagnosed": max((row["heads"] for row in rows), default=0),
        "resolution": overview.resolution(results),
        "verdicts": _verdicts(results, rows),
        "most_evidence": MOST_EVIDENCE,
        "arms": overview.arms(results),
        "tables": tables,
        "run_charts": run_charts,
        "groups": verdict.groups(results),
        "measures": columns,
        "decision": decision,
        "failed_below": verdict.FAILED_BELOW,
        "score_chart": score_chart,
        "curves": curves,
        "views": frame.VIEW_NAMES,
        "heads": [pictures.head_pictures(results, mesh) for mesh in shown],
        "left_out": [mesh for mesh in results.heads if mesh not in shown],
        "times": overview.stage_times(results),
        "versions": overview.versions(results),
        "seeds": overview.seeds(results),
        "configuration": overview.configuration(results),
        "style": Markup(_text("style.css")),
        "script": Markup(_text("charts.js")),
        "plotly": Markup(get_plotlyjs()),
        "figures": _script_json([*([score_chart] if score_chart else []), *run_charts, *curves]),
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


def _script_json(value: Any) -> Markup:
    """JSON for a script element: no `<` in it can end the element early."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


def number(value: float | None, key: str = "") -> str:
    """A measure's value as shown: distances to two significant digits more than scores need."""
    if value is None:
        return "∞"
    if key.startswith("latent_bytes"):
        return size(value)
    return f"{value:.5f}" if key == "chamfer_l1" else f"{value:.3f}"


def size(count: float) -> str:
    """Bytes in the unit that keeps them readable."""
    for unit, factor in (("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count:.0f} B"


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def figure(value: float | None, digits: int = 3) -> str:
    """Any measure, to so many digits; `?` where there is no value."""
    if value is None:
        return "?"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"


def percent(share: float) -> str:
    """A share in percent; 0 and 100 only where it is just that."""
    shown = f"{100 * share:.0f}"
    if shown in ("0", "100") and share not in (0, 1):
        shown = f"{100 * share:.1f}"
    return f"{shown} %"
