"""Charts of what latents cost and hold, one point a run or one line an arm."""

import json
import statistics
from typing import Any

from hexplane.analysis.runs import RunRow
from hexplane.report.charts.axes import Chart, log_axis, spread_axis, tick
from hexplane.report.charts.looks import Look
from hexplane.results import Results

SMALLEST_KL = 1e-3
"""Nats: a KL below this is drawn here."""
_GREY = "#888888"


def latent_charts(results: Results, rows: list[RunRow], looks: dict[str, Look]) -> list[Chart]:
    """Every chart that there are values for; on held-out heads where there are any."""
    split = "held_out" if any(row["split"] == "held_out" for row in rows) else "train"
    rows = [row for row in rows if row["split"] == split]
    first: dict[str, dict[str, Any]] = {}
    for run, (arm, _) in results.settings.runs.items():
        first.setdefault(arm, results.diagnostics(run))
    arms = results.settings.config["arms"]
    charts = [
        *_rate_distortion(rows, arms, looks),
        _ratio_by_beta(rows, arms, looks),
        _kl_by_dimension(first, split, looks),
        _spectra(first, arms, looks),
    ]
    return [chart for chart in charts if chart]


def _rate_distortion(
    rows: list[RunRow], arms: dict[str, Any], looks: dict[str, Look]
) -> list[Chart]:
    """One chart a kind of input: their distortions have no common scale."""
    charts = []
    for features in dict.fromkeys(arm["features"] for arm in arms.values()):
        own = [
            row
            for row in rows
            if arms[row["arm"]]["features"] == features and row["distortion"] is not None
        ]
        points = [row for row in own if row["kl"] is not None]
        if not points:
            continue
        rates = {id(row): max(row["kl"], SMALLEST_KL) for row in points}
        traces = []
        for arm in dict.fromkeys(row["arm"] for row in points):
            runs = [row for row in points if row["arm"] == arm]
            x, y = [rates[id(row)] for row in runs], [row["distortion"] for row in runs]
            hover = [
                f"{_run(row)}<br>KL {row['kl']:.4g} nats, distortion {row['distortion']:.4g}"
                for row in runs
            ]
            traces.append(_points(arm, x, y, hover, looks[arm]))
        ends = [min(rates.values()), max(rates.values())]
        plain = [row for row in own if row["kl"] is None]
        traces += [
            _level(arm, [row["distortion"] for row in plain if row["arm"] == arm], ends)
            for arm in dict.fromkeys(row["arm"] for row in plain)
        ]
        charts.append(
            {
                "id": f"rate-distortion-{features}",
                "title": f"Rate and distortion: {features.replace('_', ' and ')}",
                "note": "one point a run" + (", grey lines: no KL in the loss" if plain else ""),
                "traces": traces,
                "layout": {
                    "xaxis": log_axis(ends) | {"title": {"text": "KL, nats"}},
                    "yaxis": spread_axis([row["distortion"] for row in own])
                    | {"title": {"text": "squared error"}},
                },
            }
        )
    return charts


def _ratio_by_beta(
    rows: list[RunRow], arms: dict[str, Any], looks: dict[str, Look]
) -> Chart | None:
    points = [
        row for row in rows if row["effective_beta"] is not None and row["f_ratio"] is not None
    ]
    positive = [row["effective_beta"] for row in points if row["effective_beta"] > 0]
    if not positive:
        return None
    free = len(positive) < len(points)
    zero = min(positive) / 10
    traces = []
    for names in _alike_but_for_weight(arms):
        line = sorted(
            (row["effective_beta"], row["f_ratio"])
            for row in points
            if row["arm"] in names and row["effective_beta"] > 0
        )
        betas = list(dict.fromkeys(beta for beta, _ in line))
        if len(betas) > 1:
            ratios = [[ratio for beta, ratio in line if beta == wanted] for wanted in betas]
            means = [statistics.fmean(own) for own in ratios]
            traces.append(_line("", betas, means, looks[names[0]]) | {"hoverinfo": "skip"})
    for arm in dict.fromkeys(row["arm"] for row in points):
        runs = [row for row in points if row["arm"] == arm]
        hover = [
            f"{_run(row)}<br>beta {row['effective_beta']:.4g}, F ratio {row['f_ratio']:.3f}"
            for row in runs
        ]
        x = [row["effective_beta"] or zero for row in runs]
        traces.append(_points(arm, x, [row["f_ratio"] for row in runs], hover, looks[arm]))
    axis = log_axis([*positive, *([zero] if free else [])])
    if free:
        kept = [value for value in axis["tickvals"] if value >= min(positive) / 2]
        axis |= {"tickvals": [zero, *kept], "ticktext": ["0", *(tick(value) for value in kept)]}
    return {
        "id": "ratio-by-beta",
        "title": "F, as a share of the oracle's, by beta",
        "note": "one point a run; lines join arms that differ only in KL weight",
        "traces": traces,
        "layout": {
            "xaxis": axis | {"title": {"text": "effective beta"}},
            "yaxis": {"rangemode": "tozero"},
        },
    }


def _alike_but_for_weight(arms: dict[str, Any]) -> list[list[str]]:
    """Arms of the plain squared error, grouped by all their settings but the KL weight."""
    groups: dict[str, list[str]] = {}
    for name, arm in arms.items():
        if arm.get("likelihood") == "mse" and "kl_weight" in arm["bottleneck"]:
            rest = arm | {"bottleneck": arm["bottleneck"] | {"kl_weight": None}}
            groups.setdefault(json.dumps(rest, sort_keys=True), []).append(name)
    return list(groups.values())


def _kl_by_dimension(
    found: dict[str, dict[str, Any]], split: str, looks: dict[str, Look]
) -> Chart | None:
    traces, values = [], []
    for arm, run in found.items():
        quantiles = run["groups"][split].get("kl_quantiles", [])
        step = 100 / max(1, len(quantiles) - 1)
        x = [i * step for i, value in enumerate(quantiles) if value > 0]
        y = [value for value in quantiles if value > 0]
        if y:
            values += y
            trace = _line(arm, x, y, looks[arm])
            hover = f"{arm}<br>%{{x:.0f}} % of dimensions are below %{{y:.3g}} nats<extra></extra>"
            traces.append(trace | {"hovertemplate": hover})
    if not traces:
        return None
    return {
        "id": "kl-by-dimension",
        "title": "KL of a dimension, nats",
        "note": "dimensions from least to most, first seed",
        "traces": traces,
        "layout": {
            "xaxis": {"title": {"text": "share of dimensions, %"}},
            "yaxis": log_axis(values),
        },
    }


def _spectra(
    found: dict[str, dict[str, Any]], arms: dict[str, Any], looks: dict[str, Look]
) -> Chart | None:
    longest: dict[str, tuple[str, list[float]]] = {}
    for arm, run in found.items():
        features, spectrum = arms[arm]["features"], run["inputs_spectrum"]
        if len(spectrum) > len(longest.get(features, ("", []))[1]):
            longest[features] = (arm, spectrum)
    traces, values = [], []
    for features, (arm, spectrum) in longest.items():
        y = [value for value in spectrum if value > 1e-6 * spectrum[0]]
        if not y:  # one head varies in no direction
            continue
        values += y
        name = features.replace("_", " and ")
        trace = _line("", list(range(1, len(y) + 1)), y, looks[arm])
        hover = f"{name}<br>direction %{{x}}: %{{y:.3g}}<extra></extra>"
        traces.append(trace | {"name": name, "hovertemplate": hover})
    for arm, run in found.items():
        level = run["noise"] if run["predicted_kl"] is not None else None
        # Arms trained on one head have a spectrum of their own, which is not drawn.
        if level and run["inputs_spectrum"] == longest[arms[arm]["features"]][1] and values:
            values.append(level)
            hover = f"{arm}<br>beta σ² {level:.3g}: {run['predicted_active']} directions above it"
            traces.append(_points(arm, [run["predicted_active"]], [level], [hover], looks[arm]))
    if not traces:
        return None
    return {
        "id": "spectrum",
        "title": "Spectrum of the inputs",
        "note": "lines: eigenvalues over training heads; points: beta σ² of an arm, first seed",
        "traces": traces,
        "layout": {
            "xaxis": {"title": {"text": "principal direction"}},
            "yaxis": log_axis(values),
        },
    }


def _run(row: RunRow) -> str:
    return f"{row['arm']}, seed {row['seed']}"


def _points(arm: str, x: list[float], y: list[float], hover: list[str], look: Look) -> Chart:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": arm,
        "meta": arm,
        "x": x,
        "y": y,
        "text": hover,
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"symbol": look.symbol, "size": 9, "color": look.colour},
    }


def _line(arm: str, x: list[Any], y: list[float], look: Look) -> Chart:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": arm,
        **({"meta": arm} if arm else {}),
        "x": x,
        "y": y,
        "line": {"color": look.colour, "width": 1.5, "dash": look.dash},
    }


def _level(arm: str, values: list[float], ends: list[float]) -> Chart:
    y = statistics.fmean(values)
    text = f"{arm}, mean of {len(values)} seeds<br>distortion {y:.4g}, no KL"
    return {
        "type": "scatter",
        "mode": "lines",
        "name": arm,
        "meta": arm,
        "x": ends,
        "y": [y, y],
        "text": [text, text],
        "hovertemplate": "%{text}<extra></extra>",
        "line": {"color": _GREY, "width": 1, "dash": "dot"},
    }
