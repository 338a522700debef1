"""Scores: each arm's mean over heads beside its oracle's, held-out, training and other
families apart."""

import statistics
from dataclasses import dataclass, field
from typing import Any

from hexplane.analysis.failure import has_failed, is_poor
from hexplane.metrics.table import (
    LATENT_METRICS,
    Metric,
    deciding,
    f_score,
    metrics_at,
    thresholds_of,
)
from hexplane.results import Results


@dataclass
class Cell:
    """Mean and spread of one measure over a group's heads; None where no head has a value."""

    value: float | None
    spread: float | None
    finite: int
    oracle: float | None = None
    ratio: float | None = None
    best: bool = False


@dataclass
class ScoreRow:
    """One arm or oracle on one group of heads; `poor`: an oracle whose views do not hold them."""

    name: str
    oracle: str
    cells: dict[str, Cell]
    empty: int
    watertight: int
    components: list[int]
    heads: int
    failure: str = ""
    poor: bool = False


@dataclass
class Group:
    """Arms and oracles on held-out heads, training heads or another family; `total` counts all."""

    key: str
    title: str
    heads: list[str]
    total: int
    rows: list[ScoreRow] = field(default_factory=list)
    oracles: list[ScoreRow] = field(default_factory=list)


def columns_of(results: Results) -> list[Metric]:
    """Metrics that have a column, by what was evaluated."""
    names = dict.fromkeys(name for score in results.scores for name in score.metrics)
    known = [*metrics_at(thresholds_of(list(names))), *LATENT_METRICS]
    columns = [metric for metric in known if metric.column and metric.name in names]
    return sorted(columns, key=lambda metric: metric.column)


def decisive(columns: list[Metric]) -> Metric | None:
    """The F-score that decides on failure; None where nothing was evaluated."""
    thresholds = thresholds_of([column.name for column in columns])
    if not thresholds:
        return None
    name = f_score(deciding(thresholds))
    return next(column for column in columns if column.name == name)


def groups(results: Results, columns: list[Metric]) -> list[Group]:
    """Scores on held-out heads, on training heads, and on each other family.

    A group without heads is left out. What tells most comes first.
    """
    parts: dict[str, tuple[str, tuple[str, ...]]] = {
        "held_out": ("Held-out heads (validation and test)", ("validation", "test")),
        "train": ("Training heads", ("train",)),
    }
    parts |= {
        name: (f"Heads of the family {name}, never trained on", (name,))
        for name in results.settings.others
    }
    found = []
    for key, (title, splits) in parts.items():
        heads = [name for name, split in results.heads.items() if split in splits]
        if not heads:
            continue
        total = sum(len(results.settings.groups[split]) for split in splits)
        group = Group(key, title, heads, total)
        group.oracles = [_row(results, name, heads, columns) for name in results.oracles]
        for row in group.oracles:
            row.poor = "iou" in row.cells and is_poor(row.cells["iou"].value)
        oracles = {row.name: row for row in group.oracles}
        for name in results.arms:
            row = _row(results, name, heads, columns)
            _judge(row, oracles[row.oracle], columns)
            group.rows.append(row)
        _mark_best(group.rows, columns)
        found.append(group)
    return found


def _row(results: Results, name: str, heads: list[str], columns: list[Metric]) -> ScoreRow:
    scores = [results.score(name, head) for head in heads]
    return ScoreRow(
        name,
        results.settings.oracles.get(name, ""),
        {column.name: _mean([score.get(column.name) for score in scores]) for column in columns},
        empty=sum(bool(score.get("empty")) for score in scores),
        watertight=sum(bool(score.get("watertight")) for score in scores),
        components=[int(score.get("components") or 0) for score in scores],
        heads=len(heads),
    )


def _mean(values: list[Any]) -> Cell:
    finite = [float(value) for value in values if value is not None]
    return Cell(
        statistics.fmean(finite) if finite else None,
        statistics.stdev(finite) if len(finite) > 1 else None,
        len(finite),
    )


def _judge(row: ScoreRow, oracle: ScoreRow, columns: list[Metric]) -> None:
    """Set an arm beside its oracle; the ratio is that of the two means shown."""
    for column in columns:
        if not column.of_latent:
            cell, reference = row.cells[column.name], oracle.cells[column.name]
            cell.oracle = reference.value
            # A mean that leaves out empty meshes stands beside no oracle's over all heads.
            if cell.value is not None and reference.value and cell.finite == row.heads:
                cell.ratio = cell.value / reference.value
    decision = decisive(columns)
    ratio = row.cells[decision.name].ratio if decision else None
    if row.empty:
        row.failure = f"{row.empty} of {row.heads} meshes empty"
    elif decision and has_failed(row.empty, ratio):
        share = "nothing" if ratio is None else f"{ratio:.2f}"
        row.failure = f"{decision.label} is {share} of its oracle's"


def _mark_best(rows: list[ScoreRow], columns: list[Metric]) -> None:
    """Mark the best arm of each measure; one that failed, or stands alone, is never best."""
    sound = [row for row in rows if not row.failure]
    if len(rows) < 2:
        return
    for column in columns:
        cells = [row.cells[column.name] for row in sound]
        values = [cell.value for cell in cells if cell.value is not None]
        if not values:
            continue
        top = max(values) if column.better > 0 else min(values)
        everyone = {row.cells[column.name].value for row in rows}
        all_alike = len(everyone) == 1
        for cell in cells:
            cell.best = cell.value == top and not all_alike
