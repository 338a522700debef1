"""The workflow on a real SLURM cluster, through the profile."""

import csv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

import slurm
from hexplane.provenance import canonical_json
from workflow import TINY_ARMS, Project

PROFILE = "workflow/profiles/slurm"
ARM = "ae-depth-normal"
STEPS = 1500

pytestmark = pytest.mark.skipif(bool(slurm.unavailable()), reason=slurm.unavailable())


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[slurm.Cluster]:
    with slurm.slurm_cluster(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def project(cluster: slurm.Cluster, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three meshes and one arm; of the profile, the three lines are changed that README names."""
    project = Project(tmp_path_factory.mktemp("project"))
    project.environment = cluster.environment
    configure(project, {})
    file = project.folder / PROFILE / "config.yaml"
    profile: dict[str, Any] = yaml.safe_load(file.read_text())
    profile["default-resources"]["slurm_account"] = slurm.ACCOUNT
    profile["default-resources"]["slurm_partition"] = slurm.PARTITION
    profile["set-resources"]["train"]["slurm_partition"] = slurm.GPU_PARTITION
    file.write_text(yaml.safe_dump(profile))
    return project


def configure(project: Project, training: dict[str, Any]) -> None:
    project.configure({"evaluation": {"heads": ["c"]}, "training": training})
    file = project.folder / "config.yaml"
    values = yaml.safe_load(file.read_text())
    values["experiments"] = {ARM: TINY_ARMS[ARM]}
    file.write_text(yaml.safe_dump(values))


def submit(project: Project, *targets: str) -> None:
    done = project.snakemake("--profile", PROFILE, *targets)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]


def test_the_whole_chain_is_a_handful_of_jobs(cluster: slurm.Cluster, project: Project) -> None:
    submit(project)
    results = project.folder / "results"
    with (results / "metrics/summary.csv").open() as stream:
        assert {row["experiment"] for row in csv.DictReader(stream)} == {ARM, "oracle-depth_normal"}
    assert (results / "report/index.html").is_file()
    jobs = {job["Comment"].removeprefix("rule_"): job for job in cluster.jobs()}
    # Nine jobs of meshes and five of reconstructions are one each.
    assert len(cluster.jobs()) == len(jobs) == 5
    assert set(jobs) == {
        "meshes_normalise_render_sample",
        f"train_wildcards_{ARM}",
        f"diagnose_wildcards_{ARM}",
        "reconstructions_encode_evaluate_extract_oracle",
        "report",
    }
    assert {job["State"] for job in jobs.values()} == {"COMPLETED"}
    assert {job["Account"] for job in jobs.values()} == {slurm.ACCOUNT}
    training = jobs.pop(f"train_wildcards_{ARM}")
    assert training["Partition"] == slurm.GPU_PARTITION
    assert "gres/gpu=1" in training["AllocTRES"].split(",")
    assert {job["Partition"] for job in jobs.values()} == {slurm.PARTITION}
    assert not [job for job in jobs.values() if "gpu" in job["AllocTRES"]]
    meshes = jobs["meshes_normalise_render_sample"]
    assert {"cpu=1", "mem=1000M"} <= set(meshes["AllocTRES"].split(","))
    assert meshes["Timelimit"] == "00:09:00"  # one after another


def test_a_cancelled_training_goes_on(cluster: slurm.Cluster, project: Project) -> None:
    configure(project, {"steps": STEPS, "checkpoint_seconds": 0.5})
    before = len(cluster.jobs())
    checkpoints = set(project.folder.glob("results/.state/*/checkpoint.pt"))
    model = project.folder / "results/models" / ARM

    def under_way() -> bool:
        found = set(project.folder.glob("results/.state/*/checkpoint.pt"))
        return found > checkpoints

    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(submit, project, f"results/models/{ARM}/manifest.json")
        slurm.wait_for("a checkpoint", lambda: under_way() or run.done(), 180)
        (number,) = cluster.queue()
        cluster.run("scancel", number)
        assert not (model / "model.safetensors").exists()
        run.result()
    first, second = cluster.jobs()[before:]
    assert first["State"].startswith("CANCELLED")
    assert second["State"] == "COMPLETED"
    log = (project.folder / f"results/logs/train/{ARM}.log").read_text()
    (line,) = [line for line in log.splitlines() if "resuming at step" in line]
    assert 0 < int(line.split("resuming at step ")[1].split()[0]) < STEPS
    assert_same_weights(model, undisturbed(project, model))


def undisturbed(project: Project, model: Path) -> Path:
    """The same training once more, without SLURM or a break."""
    config = yaml.safe_load((model / "config.json").read_text())
    results = project.folder / "results"
    stores = {name: str(results / f"hexplanes/{name}.zarr") for name in "abc"}
    output = project.folder / "undisturbed"
    done = project.command(
        *("hexplane", "train", str(output), *(stores[name] for name in config["train"])),
        *(f"--validation={stores[name]}" for name in config["validation"]),
        f"--sdf={results / 'sdf'}",
        f"--state={project.folder / 'state'}",
        f"--spec={canonical_json(config['spec'])}",
    )
    assert done.returncode == 0, done.stderr
    return output


def assert_same_weights(model: Path, other: Path) -> None:
    weights, others = (load_file(folder / "model.safetensors") for folder in (model, other))
    assert set(weights) == set(others)
    for name, values in weights.items():
        np.testing.assert_array_equal(values, others[name], err_msg=name)
