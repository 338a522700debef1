"""The paper is made when it is asked for, from the reports that are there, and never else."""

from pathlib import Path

import pytest

from hexplane.plumbing import verify
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import sha256, write_text
from hexplane.plumbing.manifests import Job
from hexplane.settings.paper import PaperSettings
from support.jobs import REPORT
from support.project import Project

PAPER = {"Writing the paper"}


@pytest.mark.slow
def test_it_is_planned_only_when_asked_for(tmp_path: Path) -> None:
    project = Project(tmp_path)
    assert not PAPER & project.planned()
    assert project.planned("paper") >= PAPER | REPORT
    # A study of another name needs no report for it.
    assert project.planned("paper", "--config", "study=mine") == PAPER


def test_a_paper_of_another_report_is_stale(tmp_path: Path) -> None:
    report, folder = tmp_path / "results/default/report/index.json", tmp_path / "results/paper"
    write_text(folder / "paper.pdf", "pages")
    Job("hexplane.stages.report", None).write_manifest(report, [])
    job = Job("hexplane.stages.paper", PaperSettings())
    read = {"report/default": sha256(report)}
    job.write_manifest(folder / "paper.json", [folder / "paper.pdf"], inputs=read)
    assert verify.run(tmp_path / "results") == "2 manifests verified, all files match"
    Job("hexplane.stages.report", None).write_manifest(report, [], more=1)
    with pytest.raises(UserError) as caught:
        verify.run(tmp_path / "results")
    line, remedy = str(caught.value).splitlines()
    assert line.startswith(f"{folder / 'paper.json'}: stale, made from another {report}")
    assert remedy.endswith("--forcerun results/paper/paper.json")
