"""Charts as plain Plotly figures; the page's script adds what depends on light and dark."""

import math
from collections.abc import Sequence

from hexplane.metrics.table import Metric
from hexplane.report.charts.axes import LOG_RANGE, Chart, log_axis
from hexplane.report.charts.looks import MANY, Look
from hexplane.results import Columns, Results

MOST_POINTS = 500
"""Points of a curve that a chart a few hundred pixels wide can show."""
SMALL = 1e-3
"""Axes whose values stay below this are labelled in powers of ten, not in micro."""

_NOT_CHARTED = ("step", "seconds")
_LINEAR = ("learning_rate",)
_GRADIENT = "gradient_norm_"
_LAST = ("gradient_norm", "learning_rate", "kl_weight")
_BY_LIKELIHOOD = ("loss", "reconstruction")
"""Columns whose values depend on the likelihood: each has a chart of its own."""
_TITLES = {
    "loss": "Total loss",
    "kl": "KL, nats (summed over dimensions, mean over heads)",
    "kl_charged": "KL as charged: free bits, reduced, capped",
    "sdf": "Signed distance term",
    "active_units": "Active units, training heads",
    "mutual_information": "Mutual information, nats, training heads",
    "kl_dimension_median": "KL of the median dimension, nats",
    "kl_dimension_max": "KL of the largest dimension, nats",
    "gradient_norm": "Gradient norm, before clipping",
    "learning_rate": "Learning rate",
    "kl_weight": "KL weight",
}


def training_charts(
    histories: dict[str, Columns], looks: dict[str, Look], likelihoods: dict[str, str]
) -> list[Chart]:
    """One chart for each column of the histories, the arms over one another.

    A column `validation_x` is drawn into the chart of `x`, with markers. Where the arms have
    several likelihoods, what depends on them has a chart for each.
    """
    columns = list(dict.fromkeys(name for history in histories.values() for name in history))
    terms = dict.fromkeys(
        name.removeprefix("validation_") for name in columns if name not in _NOT_CHARTED
    )
    gradients = [name for name in terms if name.startswith(_GRADIENT)]
    last = [*(name for name in _LAST if name in terms), *gradients]
    charts = []
    for term in [*(name for name in terms if name not in last), *last]:
        parts = {"": histories}
        kinds = list(dict.fromkeys(likelihoods[arm] for arm in histories))
        if term in _BY_LIKELIHOOD and len(kinds) > 1:
            parts = {
                kind: {arm: own for arm, own in histories.items() if likelihoods[arm] == kind}
                for kind in kinds
            }
        charts += [_curve(term, own, looks, kind) for kind, own in parts.items()]
    return [chart for chart in charts if chart]


def _title(term: str, kind: str) -> str:
    if term.startswith(_GRADIENT):
        name = term.removeprefix(_GRADIENT)
        words = {"sdf": "signed distance term", "kl_charged": "charged KL"}
        return f"Gradient norm of the {words.get(name, f'{name} term')}, weighted"
    title = _TITLES.get(term, f"{term.replace('_', ' ').capitalize()} term")
    return f"{title}: {kind.replace('_', ' ')}" if kind else title


def _curve(
    term: str, histories: dict[str, Columns], looks: dict[str, Look], kind: str
) -> Chart | None:
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
    if len(histories) > MANY:
        for trace in traces:
            trace["line"]["width"] = 1
    note = "logarithmic" if logarithmic else ""
    if len(traces) > 1 and all(trace["y"] == traces[0]["y"] for trace in traces):
        note = "all arms alike"
    axis: Chart = {"type": "linear", "rangemode": "tozero"}
    if max(values) < SMALL:
        axis["exponentformat"] = "power"
    if logarithmic:
        axis = log_axis(positive)
    return {
        "id": f"curve-{term}-{kind}" if kind else f"curve-{term}",
        "title": _title(term, kind),
        "note": note,
        "traces": traces,
        "layout": {
            "xaxis": {"title": {"text": "step"}},
            "yaxis": axis,
        },
    }


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
        "meta": arm,
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


def score_chart(results: Results, measure: Metric, looks: dict[str, Look]) -> Chart:
    """A measure of each arm head by head, with its oracle's as a bar above the point."""
    heads = list(results.heads.items())
    traces: list[Chart] = []
    for column, arm in enumerate(results.arms):
        places = [column + 0.7 * ((i + 0.5) / len(heads) - 0.5) for i in range(len(heads))]
        for name, oracle in ((results.settings.oracles[arm], True), (arm, False)):
            values = [results.score(name, mesh).get(measure.name) for mesh, _ in heads]
            marks = ["circle" if split == "train" else "diamond-open" for _, split in heads]
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": name,
                    "meta": arm,
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
        "note": "● training head, ◇ any other head, grey bar: the arm's oracle on that head",
        "traces": traces,
        "layout": {
            "xaxis": {
                "tickvals": list(range(len(results.arms))),
                "ticktext": results.arms,
                "range": [-0.5, len(results.arms) - 0.5],
                "showgrid": False,
                "ticklabeloverflow": "allow",
                **({"tickangle": -55} if len(results.arms) > MANY else {}),
            },
            "yaxis": {"range": [-0.03, 1.04]},
        },
    }
