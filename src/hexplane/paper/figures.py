"""The paper's figures, each as SVG that is as wide as a column, from what is known of studies."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

COLUMN = 3.3
"""Width of a column, inches."""
INPUTS = {"occupancy": "silhouettes", "depth-normal": "depth + normals"}
WEIGHTS = ("-w0", "-w1e-6", "-w1e-5", "", "-w1e-3", "-w1e-2")
"""What follows an arm's name in the ablation, by KL weight: 0 first."""
_COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
)  # Okabe, Ito
_MARKS = "osD^v<>"
_LONGEST = 24
_STYLE: Any = {
    "svg.hashsalt": "hexplane",  # so that the same results give the same file
    "svg.fonttype": "path",
    "font.family": "STIXGeneral",  # comes with matplotlib: alike on every machine
    "mathtext.fontset": "stix",
    "font.size": 8.0,
    "axes.titlesize": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.0,
    "lines.markersize": 3.5,
    "legend.frameon": False,
    "legend.fontsize": 7.0,
}
Study = Mapping[str, Any]


def figures(studies: Mapping[str, Study]) -> dict[str, str]:
    """SVG by file name, of those for which there are results.

    Args:
        studies: what is known of each study by name (`hexplane.analysis.abridged`).
    """
    empty: Study = {}
    with matplotlib.rc_context(_STYLE):
        drawn = {
            "weights.svg": _weights(studies.get("ablation", empty)),
            "scores.svg": _scores(studies.get("default", empty)),
            "replay.svg": _trajectories(studies.get("replay", empty)),
            "rates.svg": _rates(studies.get("codec", empty)),
        }
        return {name: _svg(figure) for name, figure in drawn.items() if figure is not None}


def number(value: Any, *keys: str) -> float | None:
    """What lies under some keys, where it is a number."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) else None


def _svg(figure: Figure) -> str:
    FigureCanvasSVG(figure)
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()


def _weights(study: Study) -> Figure | None:
    """F by the oracle's, and KL, over the weight of the KL."""
    runs, arms = study.get("runs", {}), study.get("arms", {})
    figure = Figure(figsize=(COLUMN, 2.9), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    some = False
    for place, (key, label) in enumerate(INPUTS.items()):
        for axis, measure in ((upper, "f_ratio"), (lower, "kl")):
            points = []
            for step, suffix in enumerate(WEIGHTS):
                own = runs.get(f"vae-{key}{suffix}", {}).get("held_out")
                value = number(own, measure, "mean")
                if value is not None:
                    points.append((step, value, number(own, measure, "spread") or 0.0))
            some |= bool(points)
            _line(axis, points, place, label)
    if not some:
        return None
    upper.axhline(0.5, color="0.6", linewidth=0.6, linestyle=":")
    upper.set_ylabel("F / oracle's F")
    lower.set_yscale("log")
    lower.set_ylabel("KL, nats")
    lower.set_xlabel("KL weight")
    weights = [number(arms, f"vae-occupancy{own}", "bottleneck", "kl_weight") for own in WEIGHTS]
    spelt = [own.removeprefix("-w") or "1e-4" for own in WEIGHTS]
    names = [
        own if value is None else f"{value:g}" for own, value in zip(spelt, weights, strict=True)
    ]
    lower.set_xticks(range(len(WEIGHTS)), [_power(own) for own in names])
    upper.legend(loc="lower left")
    return figure


def _line(axis: Axes, points: Sequence[tuple[float, float, float]], place: int, label: str) -> None:
    """A line with its spread over seeds."""
    if points:
        x, y, spread = zip(*points, strict=True)
        look: Any = {"color": _COLOURS[place % 7], "marker": _MARKS[place % 7], "capsize": 1.5}
        axis.errorbar(x, y, spread, label=label, **look)


def _power(text: str) -> str:
    """A weight as a power of ten where it is one."""
    value = float(text)
    exponent = f"{value:.0e}"
    whole = value and exponent.startswith("1e") and float(exponent) == value
    return f"$10^{{{int(exponent[2:])}}}$" if whole else text


def _scores(study: Study) -> Figure | None:
    """Each arm's F beside its oracle's, on training and held-out heads."""
    titles = {"train": "training heads", "held_out": "held-out heads"}
    groups = {key: study.get("scores", {}).get(key, {}).get("methods") for key in titles}
    groups = {key: own for key, own in groups.items() if own}
    arms = [name for name in study.get("arms", {}) if any(name in own for own in groups.values())]
    if not groups or not arms:
        return None
    figure = Figure(figsize=(COLUMN, 0.6 + 0.22 * len(arms)), layout="constrained")
    axes = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
    for axis, (key, methods) in zip(axes, groups.items(), strict=True):
        for place, arm in enumerate(arms):
            own = methods.get(arm, {})
            axis.barh(place, number(own, "f_score") or 0.0, color=_COLOURS[place % 7], height=0.6)
            oracle = number(methods, str(own.get("oracle")), "f_score")
            if oracle is not None:
                axis.plot(
                    (oracle, oracle), (place - 0.4, place + 0.4), color="black", linewidth=1.4
                )
        axis.set_xlim(0, 1.02)
        axis.set_title(titles[key])
        axis.set_xlabel("F")
        axis.set_yticks(range(len(arms)), [_cut(arm) for arm in arms])
        axis.tick_params(axis="y", length=0)
    axes[0].invert_yaxis()
    return figure


def _cut(name: str) -> str:
    """A name that leaves room for what it names."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _some(value: float, _: int | None = None) -> str:
    """Labels of 2, 3 and 6, and of their multiples by powers of ten."""
    return f"{value:g}" if f"{value:e}"[0] in "236" else ""


def _trajectories(study: Study) -> Figure | None:
    """The KL of every training over its steps, a colour for each arm."""
    found = {
        arm: [
            own for own in seeds.values() if any(value is not None for value in own.get("kl", []))
        ]
        for arm, seeds in study.get("trajectories", {}).items()
    }
    found = {arm: own for arm, own in found.items() if own}
    if not found:
        return None
    figure = Figure(figsize=(COLUMN, 2.3 + 0.13 * len(found)), layout="constrained")
    axis = figure.subplots()
    for place, (arm, runs) in enumerate(found.items()):
        for run in runs:
            pairs = zip(run["step"], run["kl"], strict=True)
            points = [(x, y) for x, y in pairs if x is not None and y is not None and y > 0]
            look: Any = {"color": _COLOURS[place % 7], "marker": _MARKS[place % 7]}
            style = "-" if place < 7 else "--"
            label = arm if run is runs[0] else None
            axis.plot(
                *zip(*points, strict=True), linestyle=style, label=label, **look
            ) if points else None
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("step")
    axis.set_ylabel("KL, nats")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _rates(study: Study) -> Figure | None:
    """Chamfer-L1 over bytes, of each family of heads that is not the study's own."""
    families = {key: own for key, own in study.get("rates", {}).items() if own.get("curves")}
    families = {key: own for key, own in families.items() if key not in ("train", "validation")}
    if not families:
        return None
    figure = Figure(figsize=(COLUMN, 0.5 + 1.6 * len(families)), layout="constrained")
    axes = figure.subplots(len(families), 1, squeeze=False, sharex=True)[:, 0]
    methods = list(dict.fromkeys(name for own in families.values() for name in own["curves"]))
    for axis, (key, family) in zip(axes, families.items(), strict=True):
        for place, method in enumerate(methods):
            levels = family["curves"].get(method, {}).values()
            pairs = [(number(own, "bytes"), number(own, "chamfer_l1")) for own in levels]
            points = [(x, y * 1000) for x, y in pairs if x and y]
            if points:
                look: Any = {"color": _COLOURS[place % 7], "marker": _MARKS[place % 7]}
                axis.plot(*zip(*points, strict=True), label=method, **look)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.yaxis.set_minor_formatter(FuncFormatter(_some))
        axis.set_title(str(family.get("title") or key))
        axis.set_ylabel("Chamfer-L1 / 1000")
    axes[-1].set_xlabel("bytes of a file")
    handles: dict[str, Any] = {}
    for axis in axes:
        handles |= dict(zip(*axis.get_legend_handles_labels()[::-1], strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3)
    return figure
