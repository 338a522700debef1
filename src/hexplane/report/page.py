"""The page: everything in one HTML file that opens from disk without a network."""

import json
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from hexplane import frame
from hexplane.report import charts, overview, pictures, verdict
from hexplane.report.arms import looks
from hexplane.report.results import Results


def build_page(results: Results) -> str:
    """The report as one HTML document."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": number, "size": size, "duration": duration}
    template = environment.from_string(_text("template.html"))
    return template.render(**_content(results))


def _content(results: Results) -> dict[str, Any]:
    arm_looks = looks(results.experiments)
    columns = verdict.measures(results)
    decision = verdict.decisive(columns)
    shown = pictures.shown_heads(results)
    score_chart = charts.score_chart(results, decision, arm_looks)
    histories = {arm: results.history(arm) for arm in results.experiments}
    curves = charts.training_charts(histories, arm_looks)
    return {
        "results": results,
        "looks": arm_looks,
        "counts": overview.counts(results),
        "resolution": overview.resolution(results),
        "arms": overview.arms(results),
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
        "figures": _script_json([score_chart, *curves]),
    }


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
