"""Source files over the real workflow: one replaced by an older one, and very large ones."""

import os
from pathlib import Path

import pytest

from support.jobs import normalised, rendered, resources_of, sampled
from support.project import Project, bump

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose views and distances are made."""
    project = Project(tmp_path_factory.mktemp("project"))
    done = project.snakemake("--cores", "2", "data")
    assert done.returncode == 0, done.stderr[-4000:]
    return project


def test_a_source_replaced_by_an_older_file_is_noticed(project: Project) -> None:
    source = project.folder / "scans/a.ply"
    before, kept = source.stat(), source.read_bytes()
    other = project.folder / "other.ply"
    bump(7).export(other)
    assert other.stat().st_size == len(kept)
    for times in ((1e9, 1e9), (before.st_atime, before.st_mtime)):  # as `cp -p` does it
        os.utime(other, times)
        os.replace(other, source)
        assert project.planned("data") == normalised(("a",)) | rendered(("a",)) | sampled(("a",))
        other.write_bytes(source.read_bytes())
    source.write_bytes(kept)
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert project.planned("data") == set()


def test_a_large_source_and_each_further_attempt_ask_for_more(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.remove_messages()
    large = project.folder / "scans/large.ply"
    large.touch()
    os.truncate(large, 200_000_000)  # a hole and no mesh: it is refused, at each attempt
    checks = ("workflow/rules/meshes.smk", "if checked.returncode:", "if False:")
    with project.edited(checks):
        done = project.snakemake(
            "--cores=2",
            "--retries=1",
            "--keep-going",
            "results/default/meshes/large.ply",
            "results/default/meshes/a.ply",
        )
    assert done.returncode == 1
    asked = resources_of(done.stdout + done.stderr)["normalise"]
    assert sorted((int(own["mem_mb"]), int(own["runtime"])) for own in asked) == [
        (1000, 1),  # a
        (7000, 4),
        (14000, 8),
    ]
