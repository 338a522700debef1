"""An arm of the linear codec through the whole workflow, beside a network."""

import csv
import json
import re
from pathlib import Path

import pytest
import trimesh

from support.project import Project

pytestmark = pytest.mark.slow

LINEAR = {
    "features": "depth_normal",
    "bottleneck": {"kind": "deterministic"},
    "field": "sdf",
    "model": {"kind": "linear", "grid": 32, "components": 8, "step": 0.01},
}

CONFIG = {
    "arms": {"vae-occupancy": None, "linear": LINEAR},
    "draws": {"count": 3, "temperature": 1.0},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("project"))
    project.configure(CONFIG)
    built = project.snakemake("--cores", "1")
    assert built.returncode == 0, built.stderr[-4000:]
    started = re.findall(r"^Job \d+: (.+)$", built.stdout + built.stderr, flags=re.MULTILINE)
    (project.folder / "started").write_text("\n".join(started))
    return project


def test_it_is_measured_beside_the_network(project: Project):
    with (project.results / "metrics/summary.csv").open() as stream:
        rows = {(row["method"], row["mesh"]): row for row in csv.DictReader(stream)}
    own = rows["linear", "a"]  # the head that it was fitted to, whose field has 32 voxels a side
    assert float(own["chamfer_l1"]) < 0.02 and float(own["iou"]) > 0.95
    assert own["watertight"] == "true"
    page = (project.results / "report/index.html").read_text(encoding="utf-8")
    assert "linear" in page


def test_all_that_is_planned_is_there_and_belongs_together(project: Project):
    planned = json.loads((project.results / "plan/results.json").read_text())["results"]
    verified = project.command("hexplane", "verify")
    assert verified.stdout == f"{len(planned)} manifests verified, all files match\n", (
        verified.stderr
    )


def test_the_arm_with_a_prior_draws_heads(project: Project):
    assert [path.name for path in (project.results / "draws").iterdir()] == ["linear"]
    folder = project.results / "draws/linear"
    expected = {f"00{number}.{kind}" for number in range(3) for kind in ("ply", "hxl")}
    assert {path.name for path in folder.iterdir()} == {*expected, "manifest.json", "novelty.json"}
    found = json.loads((folder / "novelty.json").read_text())
    assert {head for head, _ in found["nearest_heads"]} == {"a"}  # the one that it learned from
    assert found["shapes"]["draws"]["closed"] == 1.0
    assert found["samples"]["held_out"]["size"] == 2
    page = (project.results / "report/index.html").read_text(encoding="utf-8")
    assert 'id="draws"' in page and "nearest: a" in page
    project.configure({**CONFIG, "draws": {"count": 3, "temperature": 0.5}})
    assert project.planned() == {
        "Drawing heads of linear",
        "Comparing drawn heads of linear",
        "Writing the report",
    }
    project.configure(CONFIG)
    assert project.planned() == set()


def test_what_takes_longest_begins_first(project: Project):
    started = (project.folder / "started").read_text().splitlines()
    data = ("Normalising", "Rendering", "Sampling")
    first = next(number for number, job in enumerate(started) if not job.startswith(data))
    trainings = [job for job in started if job.startswith("Training")]
    assert started[first : first + len(trainings)] == trainings
    assert trainings[-1] == "Training linear"  # it takes no steps
    assert not [job for job in started[first:] if job.startswith(data)]


def test_it_takes_no_steps_and_reads_no_distances(project: Project):
    config = json.loads((project.results / "models/linear/config.json").read_text())
    manifest = json.loads((project.results / "models/linear/manifest.json").read_text())
    assert config["steps"] == 0 and list(manifest["inputs"]) == ["train/a"]
    project.configure({**CONFIG, "training": {"steps": 4}, "seed": 0})
    planned = project.snakemake("-n", "results/default/models/linear/manifest.json")
    assert "Nothing to be done" in planned.stdout + planned.stderr


def test_a_latent_file_of_few_bytes_brings_the_mesh_back(project: Project, tmp_path: Path):
    model = "results/default/models/linear"
    source = "scans/a.ply"
    made = project.command(
        "hexplane", "encode", source, "a.hxl", "--model", model, "--max-bytes", "64"
    )
    assert made.returncode == 0, made.stderr
    assert (project.folder / "a.hxl").stat().st_size <= 64
    made = project.command("hexplane", "extract", "a.hxl", "--model", model, "--spec", "field: sdf")
    assert made.returncode == 0, made.stderr
    mesh = trimesh.load_mesh(project.folder / "a.mesh.ply")
    truth = trimesh.load_mesh(project.folder / source)
    assert mesh.is_watertight
    assert abs(mesh.bounds - truth.bounds).max() < 0.05 * truth.extents.max()
