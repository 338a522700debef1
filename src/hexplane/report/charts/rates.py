"""Rate-distortion curves: how near each method comes to the heads of a family in how many bytes."""

from hexplane.analysis.rates import Family, Level
from hexplane.report.charts.axes import Chart, log_axis
from hexplane.report.charts.looks import Look
from hexplane.report.text import size
from hexplane.settings.rates import DRACO, MEAN, PARAMETERS

RIVAL_LOOKS = {
    DRACO: Look("#888888", "x", "dash"),
    MEAN: Look("#888888", "cross", "dot"),
    PARAMETERS: Look("#888888", "star", "dashdot"),
}
"""Grey, as what arms are judged by is elsewhere."""


def rate_charts(families: list[Family], looks: dict[str, Look]) -> list[Chart]:
    """One chart a family, both axes logarithmic; the mean head, which has no bytes, is a level."""
    return [chart for family in families if (chart := _chart(family, looks))]


def _chart(family: Family, looks: dict[str, Look]) -> Chart | None:
    curves = {
        method: [level for level in levels if level.chamfer]
        for method, levels in family.curves.items()
    }
    sizes = [level.bytes for levels in curves.values() for level in levels if level.bytes]
    chamfers = [level.chamfer for levels in curves.values() for level in levels if level.chamfer]
    if not sizes:
        return None
    ends = [min(sizes), max(sizes)]
    traces = [
        _trace(method, levels, looks[method], ends) for method, levels in curves.items() if levels
    ]
    heads = len(family.heads)
    return {
        "id": f"rates-{family.key}",
        "title": f"{family.title}: {heads}",
        "note": "mean over them at each size; nearer and smaller is lower and further left",
        "traces": traces,
        "layout": {
            "xaxis": log_axis(ends) | {"title": {"text": "bytes of a file"}},
            "yaxis": log_axis(chamfers) | {"title": {"text": "Chamfer-L1"}},
        },
    }


def _trace(method: str, levels: list[Level], look: Look, ends: list[float]) -> Chart:
    whole = all(not level.bytes for level in levels)
    hover = [
        f"{method}, {size(level.bytes)}<br>Chamfer-L1 {level.chamfer:.5f}"
        + "".join(f"<br>F at {own:g}: {score:.3f}" for own, score in level.f_scores.items())
        for level in levels
    ]
    return {
        "type": "scatter",
        "mode": "lines" if whole else "lines+markers",
        "name": method,
        "meta": method,
        "x": ends if whole else [round(level.bytes, 1) for level in levels],
        "y": [level.chamfer for level in levels] * (2 if whole else 1),
        "text": hover * (2 if whole else 1),
        "hovertemplate": "%{text}<extra></extra>",
        "line": {"color": look.colour, "width": 1 if whole else 2, "dash": look.dash},
        "marker": {"symbol": look.symbol, "size": 8, "color": look.colour},
    }
