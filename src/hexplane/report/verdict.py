"""The verdict: each arm's mean over heads beside its oracle's, training and held-out apart."""

import statistics
from dataclasses import dataclass, field
from typing import Any

from hexplane.report.results import Results
from hexplane.specs.diagnose import deciding

FAILED_BELOW = 0.5
"""An arm whose F-score is below this share of its oracle's has failed."""


@dataclass(frozen=True)
class Measure:
    """A column: how a metric is named, which way is better (+1 or -1), and how it is judged."""

    key: str
    label: str
    better: int
    against_oracle: bool = True


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
class Row:
    """One arm or oracle on one group of heads."""

    name: str
    oracle: str
    cells: dict[str, Cell]
    empty: int
    watertight: int
    components: list[int]
    heads: int
    failure: str = ""


@dataclass
class Group:
    """Arms and oracles on training heads or on held-out ones; `total` counts those of the split."""

    key: str
    title: str
    heads: list[str]
    total: int
    rows: list[Row] = field(default_factory=list)
    oracles: list[Row] = field(default_factory=list)


def measures(results: Results) -> list[Measure]:
    """Columns of the verdict, by what was evaluated."""
    keys = dict.fromkeys(key for score in results.scores for key in score.metrics)
    thresholds = sorted(
        (key for key in keys if key.startswith("f_score_")),
        key=lambda key: float(key.removeprefix("f_score_")),
    )
    columns = [Measure(key, f"F at {key.removeprefix('f_score_')}", 1) for key in thresholds]
    columns += [
        Measure("chamfer_l1", "Chamfer-L1", -1),
        Measure("iou", "IoU", 1),
        Measure("normal_consistency", "Normal consistency", 1),
        Measure("latent_bytes_raw", "Latent, raw", -1, against_oracle=False),
        Measure("latent_bytes_stored", "Latent, stored", -1, against_oracle=False),
    ]
    return [column for column in columns if column.key in keys]


def decisive(columns: list[Measure]) -> Measure:
    """The F-score that decides on failure."""
    scores = {
        float(column.key.removeprefix("f_score_")): column
        for column in columns
        if column.key.startswith("f_score_")
    }
    return scores[deciding(list(scores))]


def groups(results: Results) -> list[Group]:
    """The verdict on training heads and on held-out ones; a group without heads is left out."""
    columns = measures(results)
    parts = {
        "train": ("Training heads", ("train",)),
        "held_out": ("Held-out heads (validation and test)", ("validation", "test")),
    }
    found = []
    for key, (title, splits) in parts.items():
        heads = [name for name, split in results.heads.items() if split in splits]
        if not heads:
            continue
        total = sum(len(results.spec.split.get(split, [])) for split in splits)
        group = Group(key, title, heads, total)
        group.oracles = [_row(results, name, heads, columns) for name in results.oracles]
        oracles = {row.name: row for row in group.oracles}
        for name in results.experiments:
            row = _row(results, name, heads, columns)
            _judge(row, oracles[row.oracle], columns)
            group.rows.append(row)
        _mark_best(group.rows, columns)
        found.append(group)
    return found


def _row(results: Results, name: str, heads: list[str], columns: list[Measure]) -> Row:
    scores = [results.score(name, head) for head in heads]
    return Row(
        name,
        results.spec.oracles.get(name, ""),
        {column.key: _mean([score.get(column.key) for score in scores]) for column in columns},
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


def _judge(row: Row, oracle: Row, columns: list[Measure]) -> None:
    """Set an arm beside its oracle; the ratio is that of the two means shown."""
    for column in columns:
        if column.against_oracle:
            cell, reference = row.cells[column.key], oracle.cells[column.key]
            cell.oracle = reference.value
            # A mean that leaves out empty meshes stands beside no oracle's over all heads.
            if cell.value is not None and reference.value and cell.finite == row.heads:
                cell.ratio = cell.value / reference.value
    decision = decisive(columns)
    ratio = row.cells[decision.key].ratio
    if row.empty:
        row.failure = f"{row.empty} of {row.heads} meshes empty"
    elif ratio is not None and ratio < FAILED_BELOW:
        row.failure = f"{decision.label} is {ratio:.2f} of its oracle's"


def _mark_best(rows: list[Row], columns: list[Measure]) -> None:
    """Mark the best arm of each measure; one that failed, or stands alone, is never best."""
    sound = [row for row in rows if not row.failure]
    if len(rows) < 2:
        return
    for column in columns:
        cells = [row.cells[column.key] for row in sound]
        values = [cell.value for cell in cells if cell.value is not None]
        if not values:
            continue
        top = max(values) if column.better > 0 else min(values)
        everyone = {row.cells[column.key].value for row in rows}
        all_alike = len(everyone) == 1
        for cell in cells:
            cell.best = cell.value == top and not all_alike
