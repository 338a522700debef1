"""The SLURM profile fits the workflow; no cluster is needed."""

import re
from collections import Counter
from typing import Any

import pytest
import yaml

from support.project import ROOT, Project

PROFILE = "workflow/profiles/slurm"
HEADS = 25
LOOP = ("normalise=loop", "diagnose=loop")


@pytest.fixture(scope="module")
def profile() -> dict[str, Any]:
    return yaml.safe_load((ROOT / PROFILE / "config.yaml").read_text())


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The default arm on more heads than one group takes."""
    project = Project(tmp_path_factory.mktemp("project"))
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    config["meshes"]["generate"] = HEADS
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


def test_every_rule_has_its_resources(profile: dict[str, Any], plan: str) -> None:
    resources = profile["set-resources"]
    assert set(resources) == set(jobs_of_rules(plan))
    for rule, values in resources.items():
        assert {"mem_mb", "runtime"} <= set(values), rule
        assert set(values) <= {"mem_mb", "runtime", "gpu", "slurm_partition"}, rule
    assert [rule for rule, values in resources.items() if values.get("gpu")] == ["train"]
    assert {"slurm_account", "slurm_partition"} <= set(profile["default-resources"])


def test_rules_with_a_job_for_each_head_are_grouped(profile: dict[str, Any], plan: str) -> None:
    counts = jobs_of_rules(plan)
    many = {rule for rule, count in counts.items() if count > HEADS / 2}
    assert many == set(profile["groups"])
    assert set(profile["groups"].values()) == set(profile["group-components"])
    size = profile["group-components"]["meshes"]
    groups = Counter(re.findall(r"Group job (\w+) ", plan))
    reconstructions = counts["encode"] + counts["oracle"]
    assert groups == {
        "meshes": -(-HEADS // size),
        "reconstructions": -(-reconstructions // profile["group-components"]["reconstructions"]),
    }


def test_groups_that_wait_for_one_another_are_refused(project: Project) -> None:
    done = project.snakemake("--dry-run", "--profile", PROFILE, "--groups", *LOOP)
    assert done.returncode != 0
    assert "groups that depend on themselves: loop" in done.stdout + done.stderr
