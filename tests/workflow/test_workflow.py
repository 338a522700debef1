"""The real Snakefile, end to end on tiny input, and the exact jobs that each change starts."""

import csv
import json
import shutil
import subprocess
import zipfile

import numpy as np
import pytest
import trimesh
from safetensors.numpy import load_file

from hexplane.plumbing.files import tree_hashes
from support.jobs import (
    ARMS,
    MESHES,
    ORACLES,
    REPORT,
    after_encoding,
    after_training,
    diagnosed,
    extracted,
    measured,
    normalised,
    rendered,
    sampled,
    trained,
)
from support.project import TINY_ARMS, Project, bump

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished tiny run; each test leaves it as it found it."""
    project = Project(tmp_path_factory.mktemp("project"))
    project.build()
    return project


def test_the_whole_chain(project: Project) -> None:
    results = project.results
    rows = list(csv.DictReader((results / "metrics/summary.csv").open()))
    assert {row["method"] for row in rows} == {*ARMS, *ORACLES}
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
    assert float(history[-1]["kl_charged"]) == pytest.approx(float(history[-1]["kl"]), rel=1e-5)
    assert float(history[-1]["validation_reconstruction"]) > 0
    # One head trains: its latent tells nothing of which head it is.
    assert float(history[-1]["active_units"]) == float(history[-1]["mutual_information"]) == 0
    assert float(history[-1]["gradient_norm_reconstruction"]) > 0
    plain = list(csv.DictReader((results / "models/ae-depth-normal/history.csv").open()))
    assert float(plain[-1]["validation_coverage"]) > 0
    assert not [name for name in plain[-1] if name.startswith(("kl", "active", "mutual"))]


def test_each_run_is_diagnosed_on_its_own_and_on_held_out_heads(project: Project) -> None:
    results = project.results
    found = {arm: json.loads((results / f"diagnostics/{arm}.json").read_text()) for arm in ARMS}
    for arm, run in found.items():
        assert run["stage"] == "diagnose"
        read = [f"{kind}/{mesh}" for kind in ("hexplane", "sdf", "mesh") for mesh in MESHES]
        assert set(run["inputs"]) == {"model", *read}
        assert run["training_heads"] == 1
        assert {split: group["heads"] for split, group in run["groups"].items()} == {
            "train": 1,
            "held_out": 2,
        }
        gaussian = arm == "vae-occupancy"
        for split, group in run["groups"].items():
            # With one head there is no other one's latent to decode.
            assert ("shuffled" in group) == (split == "held_out"), (arm, split)
            latents = {"kl", "active_units", "mutual_information", "marginal_kl", "prior"}
            assert latents & set(group) == (latents if gaussian else set()), (arm, split)
            assert len(group["mean"]["scores"]) == group["heads"]
    kl = found["vae-occupancy"]
    # weight * D / 2, a value for each pixel, at step 8 of a ramp of 3,000. One head has no spread
    # that could be told.
    weight = 1e-6 + 8 / 3000 * (1e-5 - 1e-6)
    assert kl["effective_beta"] == pytest.approx(weight * 6 * 32**2 / 2)
    assert (kl["predicted_active"], kl["predicted_kl"]) == (0, 0)
    train = kl["groups"]["train"]
    assert train["kl"] == pytest.approx(train["terms"]["kl"], rel=1e-4)
    assert train["active_units"] == train["mutual_information"] == 0
    plain = found["ae-depth-normal"]
    assert plain["effective_beta"] is plain["predicted_active"] is plain["predicted_kl"] is None


def test_table_of_runs_has_a_row_for_each_run_and_group(project: Project) -> None:
    results = project.results
    rows = list(csv.DictReader((results / "metrics/runs.csv").open()))
    keys = [(row["arm"], row["seed"], row["split"]) for row in rows]
    assert sorted(keys) == [(arm, "0", split) for arm in ARMS for split in ("held_out", "train")]
    for row in rows:
        diagnostics = json.loads((results / f"diagnostics/{row['arm']}.json").read_text())
        group = diagnostics["groups"][row["split"]]
        score = np.mean([score["iou"] for score in group["mean"]["scores"]])
        assert float(row["iou"]) == pytest.approx(score, rel=1e-4, abs=1e-6)
        assert bool(row["kl"]) == (row["arm"] == "vae-occupancy")
        assert bool(row["iou_shuffled"]) == (row["split"] == "held_out")


def test_a_second_run_has_nothing_to_do(project: Project) -> None:
    assert "Nothing to be done" in project.build()


OTHER = ("study=other", "distances={near: 200}", "training={steps: 4}")
OTHER_FILES = ("sdf/a.manifest.json", "models/ae-depth-normal/manifest.json")


def test_the_plan_names_every_manifest(project: Project) -> None:
    """What verification misses when it is gone is what a whole run made."""
    planned = json.loads((project.results / "plan/results.json").read_text())["results"]
    assert set(planned) == manifests(project)


def manifests(project: Project) -> set[str]:
    """All JSON files of a study that say that they are manifests."""
    found = set()
    for path in project.results.rglob("*.json"):
        value = json.loads(path.read_text())
        if isinstance(value, dict) and str(value.get("format", "")).startswith("hexplane manifest"):
            found.add(path.relative_to(project.folder).as_posix())
    return found


def test_two_studies_lie_side_by_side(project: Project) -> None:
    other = project.folder / "results/other"
    states = project.folder / "results/.state"
    targets = [f"results/other/{file}" for file in OTHER_FILES]
    first, kept = tree_hashes(project.results), tree_hashes(states)
    assert {"default/plan/split.json", "default/plan/report.json"} < set(first)

    def run_other() -> str:
        done = project.snakemake("--cores", "2", *targets, "--config", *OTHER)
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout + done.stderr

    assert "Training ae-depth-normal" in run_other()
    second = tree_hashes(other)
    assert {"other/plan/split.json", "other/plan/report.json"} < set(second)
    assert "other/report/index.html" not in second
    config = json.loads((other / "models/ae-depth-normal/config.json").read_text())
    assert (config["steps"], config["spec"]["training"]["steps"]) == (4, 4)
    both = tree_hashes(states)
    assert kept.items() < both.items()  # a checkpoint more
    for again in (project.build, run_other):
        assert "Nothing to be done" in again()
        assert tree_hashes(project.results) == first
        assert tree_hashes(other) == second
        assert tree_hashes(states) == both
    assert project.command("hexplane", "verify").returncode == 0
    shutil.rmtree(other)


def test_one_arms_kl_weight_runs_that_arm(project: Project) -> None:
    weighted = {"kind": "gaussian", "kl_weight": 0.001}
    arm = {**TINY_ARMS["vae-occupancy"], "bottleneck": weighted}
    project.configure({"arms": {"vae-occupancy": arm}})
    assert project.planned() == trained("vae-occupancy") | REPORT
    project.configure({})
    assert project.planned() == set()


def test_the_extraction_level_runs_no_training(project: Project) -> None:
    project.configure({"extraction": {"level": 0.4}})
    assert project.planned() == extracted() | diagnosed() | REPORT
    project.configure({})


def test_evaluation_samples_run_no_extraction(project: Project) -> None:
    project.configure({"evaluation": {"samples": 600}})
    assert project.planned() == measured() | diagnosed() | REPORT
    project.configure({})


def test_a_head_that_changes_places_is_seen(project: Project) -> None:
    """The same heads are read, one to train on and one to watch; now the other way around."""
    project.configure({"split": {"validation": ["a"], "test": ["c"]}})
    assert project.planned() >= {f"Training {arm}" for arm in ARMS}
    project.configure({})
    assert project.planned() == set()


def test_swapped_settings_are_seen(project: Project) -> None:
    project.configure({"distances": {"near": 100, "uniform": 300}})  # the same set of values
    assert project.planned() == sampled() | trained() | REPORT
    project.configure({})


def test_other_resources_run_nothing(project: Project) -> None:
    assert project.planned("--profile", "profiles/slurm") == set()


def test_another_mesh_runs_alone(project: Project) -> None:
    project.add_mesh("d.off", seed=4)
    project.configure({"split": {"validation": ["b"], "test": ["c", "d"]}})
    new = ("d",)
    # Held-out heads are diagnosed: against their own signed distances too.
    first = normalised(new) | rendered(new) | sampled(new)
    arms = [after_training(arm, new) for arm in ARMS]
    oracles = [after_encoding(oracle, new) for oracle in ORACLES]
    assert project.planned() == set.union(first, REPORT, *arms, *oracles)
    (project.folder / "scans/d.off").unlink()
    project.configure({})


def test_another_family_is_evaluated_and_trains_nothing(project: Project) -> None:
    (project.folder / "others").mkdir()
    bump(7).export(project.folder / "others/x.obj")
    project.configure({"evaluation": {"files": {"visitors": ["others/*"]}}})
    new = ("x",)
    arms = [after_training(arm, new) - diagnosed(arm) for arm in ARMS]
    oracles = [after_encoding(oracle, new) for oracle in ORACLES]
    assert project.planned() == set.union(normalised(new), rendered(new), REPORT, *arms, *oracles)
    project.build()
    rows = list(csv.DictReader((project.results / "metrics/summary.csv").open()))
    assert {row["method"] for row in rows if row["split"] == "visitors"} == {*ARMS, *ORACLES}
    assert {row["mesh"] for row in rows if row["split"] == "visitors"} == {"x"}
    split = json.loads((project.results / "plan/split.json").read_text())
    assert split == {
        "train": ["a"],
        "validation": ["b"],
        "test": ["c"],
        "others": {"visitors": ["x"]},
    }
    project.configure({})
    project.build()


def test_generated_heads_join_the_files(project: Project) -> None:
    project.configure({"meshes": {"generate": 1}})
    new = ("head-000",)
    made = {"Generating head-000"} | normalised(new) | rendered(new) | sampled(new)
    assert project.planned() >= made | trained()
    assert not project.planned() & normalised()  # the files' own meshes stay as they are
    project.configure({})
    assert project.planned() == set()


def test_a_changed_mesh_runs_what_saw_it(project: Project) -> None:
    path = project.folder / "scans/c.stl"
    before = path.read_bytes()
    project.add_mesh("c.stl", seed=9)
    one = ("c",)
    first = normalised(one) | rendered(one) | sampled(one)
    arms = [after_training(arm, one) for arm in ARMS]
    oracles = [after_encoding(oracle, one) for oracle in ORACLES]
    assert project.planned() == set.union(first, REPORT, *arms, *oracles)
    path.write_bytes(before)
    project.build()


def test_repeats_train_only_the_new_runs(project: Project) -> None:
    project.configure({"repeats": 2})
    new = [f"{arm}@1" for arm in ARMS]
    assert project.planned() == {f"Training {run}" for run in new} | diagnosed(*new) | REPORT
    project.configure({})


def test_another_arm_trains_alone_and_only_named_heads_are_extracted(project: Project) -> None:
    arm = {"features": "dithered", "likelihood": "mse", "bottleneck": {"kind": "gaussian"}}
    project.configure({"arms": {"new": arm}, "evaluation": {"heads": ["c"]}})
    # Oracles are measured on whatever head any run is diagnosed on.
    oracle = after_encoding("oracle-dithered")
    expected = {"Training new"} | after_training("new", ("c",)) | oracle | REPORT
    assert project.planned() == expected
    project.configure({})


def test_a_dropped_arm_runs_nothing_but_the_report(project: Project) -> None:
    project.configure({"arms": {"ae-depth-normal": None}})
    assert project.planned() == REPORT
    project.configure({})


def test_an_arm_of_one_head_and_its_repeat(project: Project) -> None:
    """Two heads to train on, of which the arm takes one: only the seed tells its runs apart."""
    arm = {**TINY_ARMS["vae-occupancy"], "heads": 1}
    split = {"validation": ["b"], "test": []}
    project.configure({"arms": {"one": arm}, "split": split, "repeats": 2})
    models = {run: project.folder / f"results/default/models/{run}" for run in ("one", "one@1")}
    targets = [f"results/default/models/{run}/manifest.json" for run in models]
    built = project.snakemake("--cores", "2", *targets)
    assert built.returncode == 0, built.stderr[-4000:]
    for seed, model in enumerate(models.values()):
        made = json.loads((model / "config.json").read_text())
        assert (made["train"], made["validation"]) == (["a"], ["b"])
        assert made["spec"]["seed"] == seed
    first, second = (load_file(model / "model.safetensors") for model in models.values())
    assert first.keys() == second.keys()
    name = "encoder_input.1.weight"
    assert np.abs(first[name] - second[name]).mean() > 0.1 * np.abs(first[name]).mean()
    planned = project.planned()
    assert not planned & {"Training one", "Training one@1"}
    assert "Training vae-occupancy" in planned  # on two heads now
    for model in models.values():
        shutil.rmtree(model)
    project.configure({})
    assert project.planned() == set()
    # Verification compares with what was last started.
    project.snakemake("--cores", "2", "--forcerun", "report")


def test_a_damaged_chunk_is_found_and_rebuilt(project: Project) -> None:
    store = project.results / "hexplanes/c.zarr"
    assert project.command("hexplane", "verify").returncode == 0
    altered = store / "depth/c/2/0/0"
    altered.write_bytes(altered.read_bytes()[:-1] + b"?")
    (store / "normal/c/4/0/0/0").unlink()
    found = project.command("hexplane", "verify")
    assert found.returncode == 1
    lines = found.stderr.splitlines()
    assert lines[0].endswith("c.zarr/depth/c/2/0/0: altered")
    assert lines[1].endswith("c.zarr/normal/c/4/0/0/0: missing")
    said, _, remedy = lines[2].partition(": rebuild: ")
    assert said == "error"
    assert remedy.endswith(" results/default/hexplanes/c.manifest.json")
    # From another folder, without an environment of its own.
    rebuilt = subprocess.run(
        ["bash", "-c", remedy],
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert "Rendering c" in rebuilt.stdout + rebuilt.stderr
    assert "Rendering a" not in rebuilt.stdout + rebuilt.stderr
    assert project.command("hexplane", "verify").returncode == 0
    assert project.planned() == set()


def test_what_is_gone_is_found_and_made_again(project: Project) -> None:
    """An arm's latents, a manifest, and one whose facts were edited."""
    shutil.rmtree(project.results / "latents/vae-occupancy")
    (project.results / "hexplanes/a.manifest.json").unlink()
    edited = project.results / "meshes/b.json"
    edited.write_text(edited.read_text().replace('"source_to_canonical"', '"source_to_cube"'))
    found = project.command("hexplane", "verify")
    *lines, remedy = [line.removeprefix("error: ") for line in found.stderr.splitlines()]
    gone = [f"latents/vae-occupancy/{mesh}.manifest.json: missing" for mesh in MESHES]
    gone += ["hexplanes/a.manifest.json: missing", "meshes/b.json: altered"]
    assert set(lines) == {f"results/default/{line}" for line in gone}
    command = remedy.removeprefix("rebuild: ")
    rebuilt = subprocess.run(["bash", "-c", command], cwd="/", capture_output=True, text=True)
    assert rebuilt.returncode == 0, rebuilt.stderr[-4000:]
    built = project.build()
    assert "Training" not in built
    verified = project.command("hexplane", "verify")
    assert verified.returncode == 0, verified.stderr
    assert project.planned() == set()


def test_snakemakes_own_report(project: Project) -> None:
    done = project.snakemake("--report", "report.zip")
    assert done.returncode == 0, done.stderr[-2000:]
    folder = project.results / "report"
    with zipfile.ZipFile(project.folder / "report.zip") as archive:
        members = [archive.read(name) for name in archive.namelist()]
    for name in ("index.html", "scores.svg", "training.svg", "heads.png"):
        assert (folder / name).read_bytes() in members, name
    text = b"".join(members).decode("utf-8", errors="replace")
    for shown in ("Figures", "each arm&#x27;s F-score", "the same extraction from the true"):
        assert shown in text or shown.replace("&#x27;", "'") in text, shown


def test_alone_on_one_mesh_and_back(project: Project) -> None:
    """hexplane encode and extract: a mesh in its own coordinates, in and out."""
    scan = trimesh.load_mesh(project.folder / "scans/a.ply")
    scan.apply_scale(250.0)
    scan.apply_translation([1000.0, -400.0, 30.0])
    scan.export(project.folder / "far.ply")
    model = "--model=results/default/models/ae-depth-normal"
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
