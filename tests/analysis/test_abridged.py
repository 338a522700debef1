"""A study abridged has the numbers of its results; trajectories are told by what their KL did."""

from pathlib import Path

import pytest

from hexplane.analysis.abridged import abridged
from hexplane.analysis.trajectories import patterns, read_trajectories
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import sha256
from hexplane.plumbing.manifests import Job
from hexplane.plumbing.paths import Layout
from support.papers import SNAPSHOTS
from support.reporting import RATED, SPEC, fabricate, fabricate_draws, fabricate_rates, metrics_of


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fabricated study, and the manifest of its report."""
    folder = tmp_path_factory.mktemp("run") / "results/default"
    fabricate(folder)
    fabricate_rates(folder)
    fabricate_draws(folder)
    spec = SPEC.model_copy(update={"rated": RATED, "drawn": ["ae-surface"], "budgets": (128, 1024)})
    layout = Layout(folder)
    read = {"diagnostics/ae-surface.json": sha256(folder / "diagnostics/ae-surface.json")}
    job = Job("hexplane.stages.report", spec)
    job.write_manifest(Path(layout.page_manifest), [], inputs=read)
    return folder


def test_it_has_the_numbers_of_the_results(results: Path) -> None:
    found = abridged(results)
    assert found["heads"] == {"train": 2, "validation": 1, "test": 1}
    assert found["seeds"] == 2
    assert found["threshold"] == 0.01
    # The KL is ten times the seed, and the seeds are 3 and 4.
    run = found["runs"]["vae-binary"]["held_out"]
    assert run["kl"] == {"mean": 35.0, "spread": pytest.approx(50**0.5, rel=1e-4)}
    assert (run["seeds"], run["failed"]) == (2, 2)
    assert "kl" not in found["runs"]["ae-surface"]["held_out"]
    outcomes = {name: own["outcome"] for name, own in found["verdicts"].items()}
    assert outcomes["H-binary"] == "supported"
    held = [
        metrics_of(results, "ae-surface", head)["f_score_0.01"] or 0 for head in ("cleo", "dora")
    ]
    own = found["scores"]["held_out"]["methods"]["ae-surface"]
    assert own["f_score"] == pytest.approx(sum(held) / 2, rel=1e-4)
    assert found["rates"]["test"]["curves"]["ae-surface"]["64"]["chamfer_l1"] == pytest.approx(
        1 / 60, rel=1e-4
    )
    assert found["draws"]["ae-surface"]["whole"] == pytest.approx(2 / 3, rel=1e-4)
    assert found["draws"]["ae-surface"]["accuracy"] == 0.6


def test_results_that_are_not_those_of_the_report_are_refused(results: Path) -> None:
    path = results / "diagnostics/ae-surface.json"
    text = path.read_text()
    try:
        path.write_text(text + " ")
        with pytest.raises(
            UserError, match=r"ae-surface\.json: altered or missing since the report"
        ):
            abridged(results)
    finally:
        path.write_text(text)


def test_patterns_of_snapshots(tmp_path: Path) -> None:
    table = tmp_path / "snapshots.csv"
    table.write_text(SNAPSHOTS)
    found = patterns(read_trajectories(table))
    did = {
        arm: [own[key] for key in ("explodes", "collapses", "neither")]
        for arm, own in found.items()
    }
    assert did == {
        "ae-depth-normal": [0, 0, 0],
        "vae-occupancy": [0, 0, 1],
        "vae-depth-normal": [0, 1, 0],
        "vae-occupancy-sse": [1, 0, 0],
    }
    vae = found["vae-occupancy"]
    assert (vae["first"], vae["last"], vae["steps"], vae["rise"]) == (1000, 1500, 60, [5, 5])
    assert vae["meshes"] == {"mean": 0, "sample": 1, "prior": 0}
    assert vae["mesh_from"] == {"mean": 20, "sample": 20, "prior": None}
    assert vae["worse"] == 1
    assert found["ae-depth-normal"]["meshes"] == {"mean": 1}
    assert found["ae-depth-normal"]["first"] is None


def test_a_mesh_counts_from_where_every_seed_has_one(tmp_path: Path) -> None:
    table = tmp_path / "snapshots.csv"
    more = "ae-depth-normal,1,1,,0,,,0.5,,1\nae-depth-normal,1,20,,0,,,0.1,,0.5\n"
    table.write_text(SNAPSHOTS + more)
    own = patterns(read_trajectories(table))["ae-depth-normal"]
    assert (own["seeds"], own["mesh_from"]) == (2, {"mean": 20})
