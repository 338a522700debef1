"""The SLURM profile fits the workflow; no cluster is needed."""

import base64
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.jobs import resources_of
from support.project import ROOT, Project

PROFILE = "profiles/slurm"
HEADS = 25
UNSTATED = 31_415
"""Memory and minutes of whatever states none."""
LOOP = ("normalise=loop", "diagnose=loop")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def profile() -> dict[str, Any]:
    return yaml.safe_load((ROOT / PROFILE / "config.yaml").read_text())


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The default arms on more heads than one group takes; jobs have no message."""
    project = Project(tmp_path_factory.mktemp("project"))
    project.remove_messages()
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    config["meshes"]["generate"] = HEADS
    config["evaluation"]["rates"] = [1024]
    config["draws"]["count"] = 2
    config["classical"]["methods"] = ["contour"]
    (project.folder / "config.yaml").write_text(yaml.safe_dump(config))
    return project


@pytest.fixture(scope="module")
def plan(project: Project) -> str:
    """What a dry-run through the profile prints."""
    done = project.snakemake("--dry-run", "--profile", PROFILE)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout + done.stderr


def jobs_of_rules(plan: str) -> dict[str, int]:
    """The table of job counts, without the target that runs nothing."""
    table = plan.split("Job stats:")[1].split("\n\n")[0]
    counts = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.M)}
    del counts["total"], counts["all"]
    return counts


def test_the_profile_repeats_nothing_that_rules_say(profile: dict[str, Any]) -> None:
    assert set(profile["set-resources"]) == {"train"}
    assert set(profile["set-resources"]["train"]) == {"slurm_partition", "gpu"}
    assert {"slurm_account", "slurm_partition"} <= set(profile["default-resources"])


def test_every_rule_states_its_memory_and_minutes(project: Project, plan: str) -> None:
    defaults = [f"{name}={UNSTATED}" for name in ("mem_mb", "runtime")]
    options = ("--dry-run", "--profile", PROFILE, "--default-resources", *defaults)
    done = project.snakemake(*options)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    stated, planned = resources_of(done.stdout + done.stderr), resources_of(plan)
    (target,) = stated.pop("all")  # runs nothing, and states nothing
    assert target["mem_mb"] == target["runtime"] == str(UNSTATED)
    assert {rule: len(jobs) for rule, jobs in stated.items()} == jobs_of_rules(plan)
    for rule, jobs in stated.items():
        for name in ("mem_mb", "runtime"):
            (value,) = {job[name] for job in jobs}
            assert value != str(UNSTATED), (rule, name)
            assert {job[name] for job in planned[rule]} == {value}, (rule, name)


def test_training_alone_asks_for_a_gpu_and_its_partition(
    project: Project, profile: dict[str, Any], plan: str
) -> None:
    planned = resources_of(plan)
    assert set(planned) == {*jobs_of_rules(plan), "all"}
    for rule, jobs in planned.items():
        own = profile["set-resources"].get(rule, profile["default-resources"])
        assert {job["slurm_partition"] for job in jobs} == {own["slurm_partition"]}
        assert {job.get("gpu") for job in jobs} == {"1" if rule == "train" else None}
    # Without a cluster it takes what it finds.
    done = project.snakemake("--dry-run", "--cores", "2")
    assert {job["gpu"] for job in resources_of(done.stdout + done.stderr)["train"]} == {"0"}


def test_rules_with_a_job_for_each_head_are_grouped(profile: dict[str, Any], plan: str) -> None:
    counts = jobs_of_rules(plan)
    many = {rule for rule, count in counts.items() if count > HEADS / 2}
    assert many == set(profile["groups"])
    assert set(profile["groups"].values()) == set(profile["group-components"])
    size = profile["group-components"]["meshes"]
    groups = Counter(re.findall(r"Group job (\w+) ", plan))
    reconstructions = sum(
        counts[rule]
        for rule in ("encode", "oracle", "rates", "draco", "parameters", "measure_mean")
    )
    assert groups == {
        "meshes": -(-HEADS // size),
        "reconstructions": -(-reconstructions // profile["group-components"]["reconstructions"]),
    }


def test_groups_that_wait_for_one_another_are_refused(project: Project) -> None:
    done = project.snakemake("--dry-run", "--profile", PROFILE, "--groups", *LOOP)
    assert done.returncode != 0
    assert "groups that depend on themselves: loop" in done.stdout + done.stderr


def test_the_default_profile_is_read_without_being_named(project: Project) -> None:
    """Snakemake looks for it beside the Snakefile, and nowhere else."""
    done = project.snakemake("--dry-run", "--cores", "1", "data")
    assert done.returncode == 0, done.stderr
    assert "profiles/default for setting default" in done.stderr


def test_a_store_that_was_cut_short_is_made_again(tmp_path: Path) -> None:
    """A kill while a rule writes leaves a mark, which without the default profile is an error."""
    project = Project(tmp_path)
    target = "results/default/hexplanes/a.manifest.json"
    built = project.snakemake("--cores", "1", target)
    assert built.returncode == 0, built.stderr
    mark = base64.b64encode(target.encode()).decode()
    (project.folder / ".snakemake/incomplete").mkdir(exist_ok=True)
    (project.folder / ".snakemake/incomplete" / mark).touch()
    again = project.snakemake("--cores", "1", target)
    assert again.returncode == 0, again.stderr
    assert "Rendering a" in again.stdout + again.stderr
