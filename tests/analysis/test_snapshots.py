"""The table of snapshots, from histories made by hand."""

import csv
from pathlib import Path

from hexplane.analysis.snapshots import write_snapshots
from hexplane.plumbing.files import write_text
from hexplane.results import Results
from hexplane.settings.report import ReportSettings
from support.stores import BARE

HISTORY = """step,loss,kl,coverage_head,empty_mean
1,0.123456789,20,0.4,1
2,0.11,19,,
3,0.1,18,0.4,0
"""


def test_only_snapshots_are_in_it_with_arm_and_seed(tmp_path: Path) -> None:
    runs = {"vae": ("vae", 0), "vae@1": ("vae", 1), "ae": ("ae", 0)}
    settings = ReportSettings(split={}, heads=[], runs=runs, oracles={}, config=BARE)
    results = Results(tmp_path, settings)
    for run in ("vae", "vae@1"):
        write_text(results.history_path(run), HISTORY)
    write_text(results.history_path("ae"), "step,loss\n1,2\n")  # takes none
    write_snapshots(tmp_path / "snapshots.csv", results)
    with (tmp_path / "snapshots.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["arm"], row["seed"], row["step"]) for row in rows] == [
        *(("vae", "0", step) for step in "13"),
        *(("vae", "1", step) for step in "13"),
    ]
    assert rows[0]["loss"] == "0.12346" and rows[1]["empty_mean"] == "0"
