"""How trainings went, by a table of their snapshots, and where their KL went."""

import csv
import io
import math
import statistics
from pathlib import Path
from typing import Any

from hexplane.plumbing.errors import UserError
from hexplane.plumbing.texts import read_text

WAYS = ("mean", "sample", "prior")
"""What a snapshot decodes: the posterior's mean, a sample of it, one of the prior."""
COLUMNS = ("step", "kl", *(f"{name}_{way}" for name in ("empty", "distortion") for way in WAYS))
"""Those that are kept."""
COLLAPSED, EXPLODED = 0.01, 10.0
"""A KL below this share of the first one has collapsed, above that multiple it has exploded."""
Column = list[float | None]
Runs = dict[str, dict[str, dict[str, Column]]]
"""Columns by arm and seed; steps ascend."""


def read_trajectories(path: Path) -> Runs:
    """Trainings in a table of snapshots (`hexplane.analysis.snapshots`).

    Raises:
        UserError: the file is missing, or is no such table.
    """
    rows = list(csv.DictReader(io.StringIO(read_text(path))))
    if not rows or not {"arm", "seed", "step"} <= set(rows[0]):
        raise UserError(f"{path}: no rows with arm, seed and step in it")
    found: Runs = {}
    for row in rows:
        own = found.setdefault(row["arm"], {}).setdefault(row["seed"], {})
        for name in COLUMNS:
            try:
                own.setdefault(name, []).append(_number(row.get(name)))
            except ValueError as error:
                raise UserError(f"{path}: not a table of numbers ({error})") from None
    return found


def patterns(found: Runs) -> dict[str, dict[str, Any]]:
    """Where each arm's KL went, and what there was at its last snapshot.

    `first` and `last` are the KL's means over seeds, `steps` is the last step; `explodes`,
    `collapses` and `neither` count seeds by what the KL did first; `rise` is the least and the most
    over seeds of how many times an earlier value it came to. Of each way that was decoded, `meshes`
    counts seeds with a mesh, `distortion` is the mean error, and `mesh_from` the first step at
    which every seed had a mesh. `worse` counts seeds whose mean gave no mesh though a sample did.
    """
    return {arm: _pattern(list(seeds.values())) for arm, seeds in found.items() if seeds}


def _pattern(runs: list[dict[str, Column]]) -> dict[str, Any]:
    curves = [own for own in (_known(run["kl"]) for run in runs) if own]
    went = [_went(own) for own in curves]
    rises = [_rise(own) for own in curves]
    last = {name: [run[name][-1] for run in runs] for name in COLUMNS}
    decoded = [way for way in WAYS if _known(last[f"empty_{way}"])]
    return {
        "seeds": len(runs),
        "steps": max(_known(last["step"]), default=0),
        "first": statistics.fmean(own[0] for own in curves) if curves else None,
        "last": statistics.fmean(own[-1] for own in curves) if curves else None,
        **{name: went.count(name) for name in ("explodes", "collapses", "neither")},
        "rise": [min(rises), max(rises)] if rises else None,
        "meshes": {way: last[f"empty_{way}"].count(0.0) for way in decoded},
        "distortion": {way: _mean(last[f"distortion_{way}"]) for way in decoded},
        "mesh_from": {way: _mesh_from(runs, way) for way in decoded},
        "worse": sum(
            pair == (1.0, 0.0)
            for pair in zip(last["empty_mean"], last["empty_sample"], strict=True)
        ),
    }


def _known(column: Column) -> list[float]:
    return [value for value in column if value is not None]


def _mean(column: Column) -> float | None:
    return statistics.fmean(_known(column)) if _known(column) else None


def _went(kl: list[float]) -> str:
    """What a KL did first."""
    for value in kl:
        if value > EXPLODED * kl[0]:
            return "explodes"
        if value < COLLAPSED * kl[0]:
            return "collapses"
    return "neither"


def _rise(kl: list[float]) -> float:
    """The most that it came to, as a multiple of an earlier value."""
    most, least = 1.0, kl[0]
    for value in kl:
        least = min(least, value)
        most = max(most, value / least if least > 0 else 1.0)
    return most


def _mesh_from(runs: list[dict[str, Column]], way: str) -> float | None:
    steps = zip(*(zip(run["step"], run[f"empty_{way}"], strict=True) for run in runs), strict=False)
    return next((each[0][0] for each in steps if all(empty == 0 for _, empty in each)), None)


def _number(text: Any) -> float | None:
    value = float(text) if text else math.nan
    return value if math.isfinite(value) else None
