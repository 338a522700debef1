"""Still figures beside the page, for papers and for Snakemake's own report."""

import io
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from hexplane.analysis.scores import Group
from hexplane.analysis.study import Study
from hexplane.metrics.table import Metric
from hexplane.plumbing.files import replacing
from hexplane.report.charts.looks import Look
from hexplane.report.pictures.gallery import Shelf
from hexplane.results import Columns

FIGURES = SCORES, TRAINING, HEADS = "scores.svg", "training.svg", "heads.png"
_DASHES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-."}
_STYLE: Any = {
    "svg.hashsalt": "hexplane",  # so that the same results give the same file
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 9.0,
    "legend.frameon": False,
}
_MOST_CARDS = 12


def write_figures(
    folder: Path, study: Study, shelves: list[Shelf], looks: dict[str, Look]
) -> list[Path]:
    """Write the scores beside their oracles, the training curves and the meshes as pictures."""
    with matplotlib.rc_context(_STYLE):
        figures = {
            SCORES: _scores(study.groups, study.decision, looks),
            TRAINING: _training(study.histories, looks),
            HEADS: _heads(shelves),
        }
        for name, figure in figures.items():
            FigureCanvasAgg(figure)
            stream = io.BytesIO()
            kind = Path(name).suffix[1:]
            figure.savefig(
                stream,
                format=kind,
                dpi=150,
                facecolor="white",
                metadata={"Date": None} if kind == "svg" else {"Software": None},
            )
            with replacing(folder / name) as temporary:
                temporary.write_bytes(stream.getvalue())
    return [folder / name for name in figures]


def _without(sentence: str) -> Figure:
    figure = Figure(figsize=(6, 1.2))
    figure.text(0.5, 0.5, sentence, ha="center", va="center")
    return figure


def _scores(groups: list[Group], decision: Metric | None, looks: dict[str, Look]) -> Figure:
    if not groups or decision is None:
        return _without("No head was taken to a mesh file.")
    arms = [row.name for row in groups[0].rows]
    height = 1.2 + 0.32 * len(arms)
    figure = Figure(figsize=(4.6 * len(groups) + 1.4, height), layout="constrained")
    axes = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
    for axis, group in zip(axes, groups, strict=True):
        for place, row in enumerate(group.rows):
            cell = row.cells[decision.name]
            axis.barh(place, cell.value or 0.0, color=looks[row.name].colour, height=0.62)
            if cell.oracle is not None:
                ends = (place - 0.4, place + 0.4)
                axis.plot((cell.oracle,) * 2, ends, color="black", linewidth=1.8)
            if row.failure:
                text = f"failed: {row.failure}"
                axis.text((cell.value or 0.0) + 0.01, place, text, va="center", fontsize=7)
        axis.set_title(f"{group.title}: {len(group.heads)}", fontsize=9)
        axis.set_xlim(0, 1.02)
        axis.set_xlabel(f"{decision.label}; black bar: the arm's oracle")
        axis.set_yticks(range(len(arms)), arms)
        axis.tick_params(axis="y", length=0)
    axes[0].invert_yaxis()
    return figure


def _training(histories: dict[str, Columns], looks: dict[str, Look]) -> Figure:
    terms = {"loss": "total loss", "kl": "KL, nats"}
    has = {
        term: {arm: own for arm, own in histories.items() if any(own.get(term, []))}
        for term in terms
    }
    chosen = [term for term in terms if has[term]]
    if not chosen:
        return _without("No training was recorded.")
    figure = Figure(figsize=(4.6 * len(chosen) + 1.8, 3.4), layout="constrained")
    axes = figure.subplots(1, len(chosen), squeeze=False)[0]
    for axis, term in zip(axes, chosen, strict=True):
        values: list[float] = []
        for arm, own in has[term].items():
            pairs = [(x, y) for x, y in zip(own["step"], own[term], strict=False) if y is not None]
            values += [y for _, y in pairs]
            look = looks[arm]
            style: dict[str, Any] = {"color": look.colour, "linestyle": _DASHES[look.dash]}
            axis.plot(*zip(*pairs, strict=True), label=arm, linewidth=1.3, **style)
        if min(values) > 0:
            axis.set_yscale("log")
        axis.set_xlabel("step")
        axis.set_title(terms[term], fontsize=9)
    handles: dict[str, Any] = {}
    for axis in axes:
        handles |= dict(zip(*axis.get_legend_handles_labels()[::-1], strict=True))
    columns = min(4, len(handles))
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=columns)
    return figure


def _heads(shelves: list[Shelf]) -> Figure:
    if not shelves:
        return _without("No head was taken to a mesh file.")
    columns = min(_MOST_CARDS, len(shelves[0].cards))
    rows = [
        (shelf, shelf.cards[start : start + columns])
        for shelf in shelves
        for start in range(0, len(shelf.cards), columns)
    ]
    figure = Figure(figsize=(1.35 * columns, 1.62 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for line, (shelf, cards) in zip(axes, rows, strict=True):
        for axis in line:
            axis.axis("off")
        for axis, card in zip(line, cards, strict=False):
            name = shelf.mesh if card.role == "original" else card.name
            axis.set_title(name, fontsize=6.5)
            if card.picture is None:
                axis.text(0.5, 0.5, "empty", ha="center", va="center", fontsize=8)
                axis.set_xlim(0, 1)
                axis.set_ylim(0, 1)
            else:
                axis.imshow(card.picture.convert("LA").convert("RGBA"))
    return figure
