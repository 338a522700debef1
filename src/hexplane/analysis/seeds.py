"""The table of arms over their seeds: how each did on a group of heads."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from hexplane.analysis.hypotheses import Series, over_seeds
from hexplane.analysis.runs import RunRow
from hexplane.metrics.table import deciding, f_score, thresholds_of

SHOWN = (
    "f_ratio",
    "effective_beta",
    "kl",
    "predicted_kl",
    "active_units",
    "predicted_active",
    "mutual_information",
    "distortion",
    "distortion_shuffled",
    "empty",
    "empty_shuffled",
    "empty_prior",
    "whole_prior",
    "bits",
    "bits_autoregressive",
    "field_max",
    "field_max_prior",
)
TITLES = {"held_out": "Held-out heads", "train": "Training heads"}


@dataclass(frozen=True)
class OverSeeds:
    """One arm on one group of heads: its measures over the seeds.

    Attributes:
        failed: seeds on which it failed.
        bound: greatest mutual information that these heads allow, nats.
    """

    name: str
    seeds: int
    failed: int
    heads: int
    training_heads: int
    dimensions: int | None
    bound: float
    measures: dict[str, Series]


@dataclass(frozen=True)
class SeedTable:
    """All arms on one group of heads; `score` names the F-score that decides on failure."""

    key: str
    title: str
    score: str
    arms: list[OverSeeds]


def seed_tables(rows: Iterable[RunRow]) -> list[SeedTable]:
    """One table for each group of heads, from the table of runs; held-out heads come first."""
    rows = list(rows)
    found = []
    for key, title in TITLES.items():
        own: dict[str, list[RunRow]] = {}
        for row in rows:
            if row["split"] == key:
                own.setdefault(row["arm"], []).append(row)
        if own:
            score = _deciding(next(iter(own.values()))[0])
            arms = [_over_seeds(name, seeds, score) for name, seeds in own.items()]
            found.append(SeedTable(key, title, score, arms))
    return found


def _deciding(row: RunRow) -> str:
    scored = [name.removeprefix("oracle_") for name in row if name.startswith("oracle_")]
    return f_score(deciding(thresholds_of(scored)))


def _over_seeds(name: str, rows: list[RunRow], score: str) -> OverSeeds:
    first = rows[0]
    return OverSeeds(
        name,
        len(rows),
        sum(row["failed"] for row in rows),
        first["heads"],
        first["training_heads"],
        first["dimensions"],
        math.log(first["heads"]),
        {
            measure: over_seeds(name, {row["seed"]: row[measure] for row in rows})
            for measure in (score, *SHOWN)
        },
    )
