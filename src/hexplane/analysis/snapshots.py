"""The table of snapshots: what each training decoded as it went."""

from pathlib import Path
from typing import Any

from hexplane.plumbing.tables import write_table
from hexplane.results import Results

MARK = "coverage_head"
"""A column that only snapshots fill (`hexplane.training.snapshots`)."""


def snapshot_rows(results: Results) -> list[dict[str, Any]]:
    """Arm, seed and the history's columns at every snapshot of every run."""
    rows = []
    for run, (arm, seed) in results.settings.runs.items():
        columns = results.history(run)
        for at, mark in enumerate(columns.get(MARK, [])):
            if mark is not None:
                rows.append(
                    {"arm": arm, "seed": seed}
                    | {name: values[at] for name, values in columns.items()}
                )
    return rows


def write_snapshots(path: Path, results: Results) -> None:
    """Write the table as CSV, five digits a number; what a run has no value of is empty."""
    rows = snapshot_rows(results)
    write_table(path, [{name: _cell(value) for name, value in row.items()} for row in rows])


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else value
