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

from hexplane.config import parse_config
from hexplane.plan import Plan, spec_param
from hexplane.plumbing.files import write_json
from support import slurm
from support.project import TINY_ARMS, Project

PROFILE = "profiles/slurm"
ARM = "ae-depth-normal"
STEPS = 1500
CHECKPOINTS = "results/.state/*/checkpoint.pt"

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.slow,
    pytest.mark.skipif(bool(slurm.unavailable()), reason=slurm.unavailable()),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[slurm.Cluster]:
    with slurm.slurm_cluster(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def project(cluster: slurm.Cluster, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three meshes and one arm; of the profile, the lines that README names, and the polling."""
    project = Project(tmp_path_factory.mktemp("project"))
    project.environment = cluster.environment
    configure(project, {})
    file = project.folder / PROFILE / "config.yaml"
    profile: dict[str, Any] = yaml.safe_load(file.read_text())
    profile["default-resources"]["slurm_account"] = slurm.ACCOUNT
    profile["default-resources"]["slurm_partition"] = slurm.PARTITION
    profile["set-resources"]["train"]["slurm_partition"] = slurm.GPU_PARTITION
    profile["slurm-init-seconds-before-status-checks"] = 3  # jobs are short here
    file.write_text(yaml.safe_dump(profile))
    return project


def configure(project: Project, training: dict[str, Any]) -> None:
    one_arm = {arm: TINY_ARMS[arm] if arm == ARM else None for arm in TINY_ARMS}
    project.configure({"evaluation": {"heads": ["c"]}, "training": training, "arms": one_arm})


def submit(project: Project, *targets: str) -> None:
    done = project.snakemake("--profile", PROFILE, *targets)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]


def test_the_whole_chain_is_a_handful_of_jobs(cluster: slurm.Cluster, project: Project) -> None:
    submit(project)
    results = project.results
    with (results / "metrics/summary.csv").open() as stream:
        assert {row["method"] for row in csv.DictReader(stream)} == {ARM, "oracle-depth_normal"}
    assert (results / "report/index.html").is_file()
    jobs = {job["Comment"].removeprefix("rule_"): job for job in cluster.jobs()}
    # Nine jobs of meshes and five of reconstructions are one each.
    assert len(cluster.jobs()) == len(jobs) == 5
    assert set(jobs) == {
        "meshes_distances_normalise_render",
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
    meshes = jobs["meshes_distances_normalise_render"]
    asked = meshes["AllocTRES"].split(",")
    assert "cpu=1" in asked
    (memory,) = (own.removeprefix("mem=") for own in asked if own.startswith("mem="))
    assert 1000 <= int(memory.removesuffix("M")) < 1010  # and 30 times a small file
    assert meshes["Timelimit"] == "00:09:00"  # one after another


def test_a_cancelled_training_goes_on(cluster: slurm.Cluster, project: Project) -> None:
    configure(project, {"steps": STEPS, "checkpoint_seconds": 2})
    before = len(cluster.jobs())
    old = set(project.folder.glob(CHECKPOINTS))
    model = project.results / "models" / ARM
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(submit, project, f"results/default/models/{ARM}/manifest.json")
        slurm.wait_for(
            "a checkpoint", lambda: set(project.folder.glob(CHECKPOINTS)) > old or run.done(), 300
        )
        (number,) = cluster.queue()
        cluster.run("scancel", number)
        assert not (model / "model.safetensors").exists()
        other = undisturbed(project)
        run.result()
    first, second = (job for job in cluster.jobs()[before:] if "train" in job["Comment"])
    assert first["State"].startswith("CANCELLED")
    assert second["State"] == "COMPLETED"
    log = (project.folder / f"results/default/logs/train/{ARM}.log").read_text()
    (line,) = [line for line in log.splitlines() if "resuming at step" in line]
    assert 0 < int(line.split("resuming at step ")[1].split()[0]) < STEPS
    assert_same_weights(model, other)


def undisturbed(project: Project) -> Path:
    """The same training without SLURM and without a break."""
    config = yaml.safe_load((project.folder / "config.yaml").read_text())
    plan = Plan(parse_config(config), project.folder)
    results = project.results
    split = project.folder / "split.json"
    write_json(split, plan.split)
    output = project.folder / "undisturbed"
    done = project.command(
        *("hexplane", "train", str(output), str(split)),
        *(f"--hexplanes={results / 'hexplanes'}", f"--sdf={results / 'sdf'}"),
        f"--state={project.folder / 'state'}",
        f"--spec={spec_param(plan.train(ARM))}",
    )
    assert done.returncode == 0, done.stderr
    return output


def assert_same_weights(model: Path, other: Path) -> None:
    weights, others = (load_file(folder / "model.safetensors") for folder in (model, other))
    assert set(weights) == set(others)
    for name, values in weights.items():
        np.testing.assert_array_equal(values, others[name], err_msg=name)
