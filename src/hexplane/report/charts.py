"""Charts as plain Plotly figures; the page's script adds what depends on light and dark."""

import math
from collections.abc import Sequence
from typing import Any

from hexplane.report.arms import Look
from hexplane.report.results import Columns, Results
from hexplane.report.verdict import Measure

MOST_POINTS = 500
"""Points of a curve that a chart a few hundred pixels wide can show."""
LOG_RANGE = 20.0
"""A logarithmic axis helps from this ratio of the largest to the smallest value."""
SMALL = 1e-3
"""Axes whose values stay below this are labelled in powers of ten, not in micro."""

_NOT_CHARTED = ("step", "seconds")
_LINEAR = ("learning_rate",)
_LAST = ("gradient_norm", "learning_rate", "kl_weight")
_TITLES = {
    "loss": "Total loss",
    "kl": "KL, nats (summed over dimensions, mean over heads)",
    "sdf": "Signed distance term",
    "gradient_norm": "Gradient norm, before clipping",
    "learning_rate": "Learning rate",
    "kl_weight": "KL weight",
}

Chart = dict[str, Any]


def training_charts(histories: dict[str, Columns], looks: dict[str, Look]) -> list[Chart]:
    """One chart for each column of the histories, the arms over one another.

    A column `validation_x` is drawn into the chart of `x`, with markers.
    """
    columns = list(dict.fromkeys(name for history in histories.values() for name in history))
    terms = dict.fromkeys(
        name.removeprefix("validation_") for name in columns if name not in _NOT_CHARTED
    )
    order = [name for name in terms if name not in _LAST] + [n for n in _LAST if n in terms]
    return [chart for term in order if (chart := _curve(term, histories, looks))]


def _curve(term: str, histories: dict[str, Columns], looks: dict[str, Look]) -> Chart | None:
    values = [
        value
        for history in histories.values()
        for name in (term, f"validation_{term}")
        for value in history.get(name, [])
        if value is not None
    ]
    if not values:
        return None
    positive = [value for value in values if value > 0]
    # A few zeros (a term not yet switched on) may drop out of a logarithmic chart; many may not.
    logarithmic = (
        term not in _LINEAR
        and len(positive) > 0.9 * len(values)
        and min(values) >= 0
        and max(positive) > LOG_RANGE * min(positive)
    )
    traces = []
    for arm, history in histories.items():
        for name, validation in ((term, False), (f"validation_{term}", True)):
            x, y = _points(history["step"], history.get(name, []), logarithmic)
            if x:
                traces.append(_trace(arm, looks[arm], x, y, validation))
    title = _TITLES.get(term, f"{term.replace('_', ' ').capitalize()} term")
    note = "logarithmic" if logarithmic else ""
    if len(traces) > 1 and all(trace["y"] == traces[0]["y"] for trace in traces):
        note = "all arms alike"
    axis: Chart = {"type": "linear", "rangemode": "tozero"}
    if max(values) < SMALL:
        axis["exponentformat"] = "power"
    if logarithmic:
        ticks = _log_ticks(min(positive), max(positive))
        axis = {"type": "log", "tickvals": ticks, "ticktext": [_tick(tick) for tick in ticks]}
    return {
        "id": f"curve-{term}",
        "title": title,
        "note": note,
        "traces": traces,
        "layout": {
            "xaxis": {"title": {"text": "step"}},
            "yaxis": axis,
        },
    }


def _log_ticks(low: float, high: float) -> list[float]:
    """Round values of a logarithmic axis: 1, 2, 5 a decade; whole decades over a wide range."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    digits = (1, 2, 5) if math.log10(high / low) < 2.5 else (1,)
    stride = max(1, (last - first) // 6)
    return [digit * 10.0**power for power in range(first, last + 1, stride) for digit in digits]


def _tick(value: float) -> str:
    """A tick's value: plain where that is short, else as a power of ten."""
    if 1e-3 <= value < 1e5:
        return f"{value:,.10g}"
    power = math.floor(math.log10(value) + 1e-9)
    digit = round(value / 10.0**power)
    return f"10<sup>{power}</sup>" if digit == 1 else f"{digit}×10<sup>{power}</sup>"


def _points(
    steps: Sequence[float | None], values: Sequence[float | None], logarithmic: bool
) -> tuple[list[int], list[float]]:
    pairs = [
        (int(step), float(f"{value:.5g}"))
        for step, value in zip(steps, values, strict=False)
        if step is not None and value is not None and (value > 0 or not logarithmic)
    ]
    stride = math.ceil(len(pairs) / MOST_POINTS) or 1
    kept = pairs[::stride]
    if pairs and kept[-1] != pairs[-1]:
        kept.append(pairs[-1])
    return [x for x, _ in kept], [y for _, y in kept]


def _trace(arm: str, look: Look, x: list[int], y: list[float], validation: bool) -> Chart:
    name = f"{arm}, validation" if validation else arm
    style: Chart = {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "y": y,
        "line": {"color": look.colour, "width": 2, "dash": look.dash},
        "hovertemplate": f"{name}<br>step %{{x}}: %{{y:.4g}}<extra></extra>",
    }
    if validation or len(x) == 1:
        style["mode"] = "lines+markers"
        style["line"] |= {"width": 1, "dash": "dot"}
        style["marker"] = {
            "symbol": f"{look.symbol}-open" if validation else look.symbol,
            "size": 7,
            "color": look.colour,
        }
    return style


def score_chart(results: Results, measure: Measure, looks: dict[str, Look]) -> Chart:
    """A measure of each arm head by head, with its oracle's as a bar above the point."""
    heads = list(results.heads.items())
    traces: list[Chart] = []
    for column, arm in enumerate(results.experiments):
        places = [column + 0.7 * ((i + 0.5) / len(heads) - 0.5) for i in range(len(heads))]
        for name, oracle in ((results.spec.oracles[arm], True), (arm, False)):
            values = [results.score(name, mesh).get(measure.key) for mesh, _ in heads]
            marks = ["circle" if split == "train" else "diamond-open" for _, split in heads]
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": name,
                    "x": places,
                    "y": values,
                    "text": [f"{name}<br>{mesh} ({split})" for mesh, split in heads],
                    "hovertemplate": "%{text}: %{y:.3f}<extra></extra>",
                    "marker": {
                        "symbol": "line-ew" if oracle else marks,
                        "size": 9,
                        "color": "#888888" if oracle else looks[arm].colour,
                        "line": {"width": 2, "color": "#888888" if oracle else looks[arm].colour},
                    },
                }
            )
    return {
        "id": "scores",
        "title": f"{measure.label}, head by head",
        "note": "● training head, ◇ held-out head, grey bar: the arm's oracle on that head",
        "traces": traces,
        "layout": {
            "xaxis": {
                "tickvals": list(range(len(results.experiments))),
                "ticktext": results.experiments,
                "range": [-0.5, len(results.experiments) - 0.5],
                "showgrid": False,
                "ticklabeloverflow": "allow",
            },
            "yaxis": {"range": [-0.03, 1.04]},
        },
    }
