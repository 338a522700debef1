"""How good the meshes of a finished default run are, from its summary.csv."""

import csv
from collections import defaultdict
from pathlib import Path
from statistics import fmean

from benchmarks.table import Figure
from hexplane.plumbing.paths import DEFAULT

SUMMARY = Path(DEFAULT.summary)
ARM = "ae-depth-normal"
ORACLE = "oracle-depth_normal"
F = "f_score_0.01"


def measure() -> list[Figure]:
    """The arm that should work, against its oracle; the oracle, against the meshes."""
    if not SUMMARY.is_file():
        return [Figure(f"{ARM}: quality", None, None, note="run `make` first")]
    rows: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    with SUMMARY.open() as stream:
        for row in csv.DictReader(stream):
            rows[row["method"], row["split"]].append(row)
    figures = []
    for split in ("train", "validation", "test"):
        arm, oracle = rows[ARM, split], rows[ORACLE, split]
        if not arm or not oracle:
            continue
        held = split != "train"
        share = _mean(arm, F) / _mean(oracle, F)
        worse = _mean(arm, "chamfer_l1") / _mean(oracle, "chamfer_l1")
        note = f"{len(arm)} heads, spread {_spread(arm, F)}"
        wanted = None if held else 0.97 if len(arm) == 1 else 0.985
        figures += [
            Figure(f"{ARM}, {split}: F at 0.01 / oracle", share, wanted, True, note),
            Figure(f"{ARM}, {split}: Chamfer-L1 / oracle", worse, None if held else 1.5),
        ]
        if not held:
            sound = fmean(
                row["watertight"] == row["outward"] == "true" and row["components"] == "1"
                for row in arm
            )
            name = f"{ARM}, {split}: share of closed, outward, one-piece meshes"
            figures.append(Figure(name, sound, 1.0, True))
    oracles = [row for (name, _), found in rows.items() if name == ORACLE for row in found]
    figures.append(
        Figure("oracle: F at 0.02 against the meshes", _mean(oracles, "f_score_0.02"), 0.98, True)
    )
    return figures


def _mean(rows: list[dict[str, str]], column: str) -> float:
    return fmean(float(row[column]) for row in rows)


def _spread(rows: list[dict[str, str]], column: str) -> str:
    values = [float(row[column]) for row in rows]
    return f"{min(values):.3f} to {max(values):.3f}"
