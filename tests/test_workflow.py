"""The real Snakefile, end to end on tiny input, and the exact jobs that each change starts."""

import csv
import json
from pathlib import Path

import pytest
import trimesh

from workflow import Project

ARMS = ("ae-depth-normal", "vae-occupancy")
ORACLES = ("oracle-depth_normal", "oracle-occupancy")
MESHES = ("a", "b", "c")
REPORT = {"Writing the report"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished tiny run; each test leaves it as it found it."""
    project = Project(tmp_path_factory.mktemp("project"))
    project.build()
    return project


def after_training(arm: str, meshes: tuple[str, ...] = MESHES) -> set[str]:
    return {f"Encoding {mesh} by {arm}" for mesh in meshes} | after_encoding(arm, meshes)


def after_encoding(arm: str, meshes: tuple[str, ...] = MESHES) -> set[str]:
    extracted = {f"Extracting {mesh} of {arm}" for mesh in meshes}
    return extracted | {f"Measuring {mesh} of {arm}" for mesh in meshes}


def after_hexplanes() -> set[str]:
    trained = {f"Training {arm}" for arm in ARMS}
    arms = [after_training(arm) for arm in ARMS] + [after_encoding(oracle) for oracle in ORACLES]
    return set.union(REPORT, trained, *arms)


def test_the_whole_chain(project: Project) -> None:
    results = project.folder / "results"
    rows = list(csv.DictReader((results / "metrics/summary.csv").open()))
    assert {row["experiment"] for row in rows} == {*ARMS, *ORACLES}
    assert len(rows) == len(MESHES) * 4
    page = (results / "report/index.html").read_text()
    assert all(arm in page for arm in ARMS)
    oracle = trimesh.load_mesh(results / "reconstructions/oracle-depth_normal/a.ply")
    truth = trimesh.load_mesh(results / "meshes/a.ply")
    assert oracle.is_watertight
    assert oracle.volume == pytest.approx(truth.volume, rel=0.06)  # 32 voxels a side
    history = list(csv.DictReader((results / "models/vae-occupancy/history.csv").open()))
    assert [row["step"] for row in history] == ["4", "8"]
    assert float(history[-1]["kl"]) > 0
    assert float(history[-1]["validation_coverage"]) > 0


def test_a_second_run_has_nothing_to_do(project: Project) -> None:
    assert "Nothing to be done" in project.build()


def test_one_arms_kl_weight_runs_that_arm(project: Project) -> None:
    arm = {"features": "occupancy", "bottleneck": {"kind": "gaussian", "kl_weight": 0.001}}
    project.configure({"experiments": {"vae-occupancy": arm}})
    expected = {"Training vae-occupancy"} | after_training("vae-occupancy") | REPORT
    assert project.planned() == expected
    project.configure({})
    assert project.planned() == set()


def test_the_extraction_level_runs_no_training(project: Project) -> None:
    project.configure({"extraction": {"level": 0.4}})
    expected = set.union(REPORT, *(after_encoding(arm) for arm in (*ARMS, *ORACLES)))
    assert project.planned() == expected
    project.configure({})


def test_evaluation_samples_run_no_extraction(project: Project) -> None:
    project.configure({"evaluation": {"samples": 600}})
    measured = {f"Measuring {mesh} of {arm}" for mesh in MESHES for arm in (*ARMS, *ORACLES)}
    assert project.planned() == measured | REPORT
    project.configure({})


def test_swapped_settings_are_seen(project: Project) -> None:
    project.configure({"samples": {"near": 100, "uniform": 300}})  # the same set of values
    assert "Sampling signed distances of a" in project.planned()
    project.configure({})


@pytest.fixture
def edit(project: Project):
    """Append text to a source file; taken back afterwards."""
    edited: dict[Path, str] = {}

    def append(name: str, text: str) -> None:
        path = project.folder / "src/hexplane" / name
        edited[path] = path.read_text()
        path.write_text(edited[path] + text)

    yield append
    for path, text in edited.items():
        path.write_text(text)


def test_a_comment_runs_nothing(project: Project, edit) -> None:
    for name in ("render/embree.py", "training/loop.py", "frame.py", "metrics.py"):
        edit(name, "\n# Only a remark.\n")
    assert project.planned() == set()


def test_a_helper_of_rendering_renders_again(project: Project, edit) -> None:
    edit("render/embree.py", "\nROBUST = True\n")
    rendered = {f"Rendering {mesh}" for mesh in MESHES}
    assert project.planned() == rendered | after_hexplanes()


def test_a_helper_of_metrics_measures_again(project: Project, edit) -> None:
    edit("metrics.py", "\nEXTRA = 1\n")
    measured = {f"Measuring {mesh} of {arm}" for mesh in MESHES for arm in (*ARMS, *ORACLES)}
    assert project.planned() == measured | REPORT


def test_another_mesh_runs_alone(project: Project) -> None:
    project.add_mesh("d.off", seed=4)
    project.configure({"split": {"validation": ["b"], "test": ["c", "d"]}})
    new = ("d",)
    first = {"Normalising d", "Rendering d"}
    arms = [after_training(arm, new) for arm in ARMS]
    oracles = [after_encoding(oracle, new) for oracle in ORACLES]
    assert project.planned() == set.union(first, REPORT, *arms, *oracles)
    (project.folder / "scans/d.off").unlink()
    project.configure({})


def test_a_changed_mesh_runs_what_saw_it(project: Project) -> None:
    path = project.folder / "scans/c.stl"
    before = path.read_bytes()
    project.add_mesh("c.stl", seed=9)
    one = ("c",)
    first = {"Normalising c", "Rendering c"}
    arms = [after_training(arm, one) for arm in ARMS]
    oracles = [after_encoding(oracle, one) for oracle in ORACLES]
    assert project.planned() == set.union(first, REPORT, *arms, *oracles)
    path.write_bytes(before)
    project.build()


def test_a_damaged_chunk_is_found_and_rebuilt(project: Project) -> None:
    store = project.folder / "results/hexplanes/c.zarr"
    assert project.command("hexplane", "verify").returncode == 0
    altered = store / "depth/c/2/0/0"
    altered.write_bytes(altered.read_bytes()[:-1] + b"?")
    (store / "normal/c/4/0/0/0").unlink()
    found = project.command("hexplane", "verify")
    assert found.returncode == 1
    lines = found.stderr.splitlines()
    assert lines[0].endswith("c.zarr/depth/c/2/0/0: altered")
    assert lines[1].endswith("c.zarr/normal/c/4/0/0/0: missing")
    remedy = lines[2].removeprefix("error: rebuild with: ").split()
    assert remedy[0] == "snakemake"
    assert remedy[-1] == "results/hexplanes/c.manifest.json"
    rebuilt = project.snakemake(*remedy[1:])
    assert "Rendering c" in rebuilt.stdout + rebuilt.stderr
    assert "Rendering a" not in rebuilt.stdout + rebuilt.stderr
    assert project.command("hexplane", "verify").returncode == 0
    assert project.planned() == set()


def test_snakemakes_own_report(project: Project) -> None:
    done = project.snakemake("--report", "report.zip")
    assert done.returncode == 0, done.stderr[-2000:]
    assert (project.folder / "report.zip").stat().st_size > 10_000


def test_alone_on_one_mesh_and_back(project: Project) -> None:
    """hexplane encode and extract: a mesh in its own coordinates, in and out."""
    scan = trimesh.load_mesh(project.folder / "scans/a.ply")
    scan.apply_scale(250.0)
    scan.apply_translation([1000.0, -400.0, 30.0])
    scan.export(project.folder / "far.ply")
    model = "--model=results/models/ae-depth-normal"
    encoded = project.command("hexplane", "encode", "far.ply", model)
    assert encoded.returncode == 0, encoded.stderr
    latent = encoded.stdout.strip()
    extracted = project.command(
        "hexplane", "extract", latent, "back.ply", model, "--spec={resolution: 32}"
    )
    assert extracted.returncode == 0, extracted.stderr
    facts = json.loads((project.folder / "back.json").read_text())
    assert facts["field_max"] <= 1.0
    if not facts["empty"]:  # eight steps of training promise no surface
        back = trimesh.load_mesh(project.folder / "back.ply")
        inside = (back.bounds[0] > scan.bounds[0] - 200) & (back.bounds[1] < scan.bounds[1] + 200)
        assert inside.all()
