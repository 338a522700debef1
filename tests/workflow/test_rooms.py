"""Each idea has one room: what is added here, in a copy of the project, is all that it takes.

A bottleneck: two new files. A codec: two new files. A metric: one row. A stage: its settings, its
module, its rule and its plan entry. No other file is touched.
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support.project import Project

pytestmark = pytest.mark.slow

PLAIN = "ae-depth-normal"
NO_OTHERS = {"vae-occupancy": None}

BOTTLENECK = {
    "model/bottlenecks/louder_settings.py": '''
"""Settings of a bottleneck that makes its latent louder."""

from typing import Literal

from pydantic import Field

from hexplane.model.bottlenecks.kind import BottleneckSettings


class LouderSettings(BottleneckSettings):
    """The latent times a factor."""

    kind: Literal["louder"] = Field("louder", description="Latent times a factor.")
    factor: float = Field(2.0, gt=0, description="What the latent is multiplied by.")
''',
    "model/bottlenecks/louder.py": '''
"""A bottleneck that makes its latent louder."""

import torch

from hexplane.model.bottlenecks.base import Bottleneck


class Louder(Bottleneck):
    statistics_per_channel = 1

    def __init__(self, settings):
        super().__init__()
        self.factor = settings.factor

    def encode(self, statistics):
        return self.factor * statistics

    def decode(self, latent):
        return latent / self.factor

    def rate(self, statistics):
        return torch.zeros_like(statistics)

    def draw(self, shape, generator):
        return self.factor * torch.randn(shape, generator=generator)


def build(settings, shape):
    return Louder(settings)
''',
}
CODEC = {
    "model/codecs/ball_settings.py": '''
"""Settings of a codec that takes every head for a ball."""

from typing import Literal

from pydantic import Field

from hexplane.model.codecs.sizes import ModelSettings


class BallSettings(ModelSettings):
    """A radius around the cube's centre."""

    kind: Literal["ball"] = Field("ball", description="One radius.")
    start: float = Field(0.1, gt=0, description="Radius before training.")
''',
    "model/codecs/ball.py": '''
"""A codec that takes every head for a ball, and decodes no views."""

import torch
from torch import nn

from hexplane.model.bottlenecks import build_bottleneck
from hexplane.model.codec import Codec
from hexplane.model.codecs.losses import distance_term


class Ball(Codec):
    decodes_images = False

    def __init__(self, settings):
        super().__init__()
        self.latent_shape = 1, 1, 1, 1
        self.bottleneck = build_bottleneck(settings.bottleneck, self.latent_shape)
        self.radius = nn.Parameter(torch.tensor(settings.model.start))

    def statistics(self, views):
        return self.radius.expand(len(views), *self.latent_shape)

    def decode(self, latent):
        return self.bottleneck.decode(latent)

    def images(self, decoded):
        raise NotImplementedError

    def signed_distance(self, decoded, points):
        return points.norm(dim=-1) - decoded.reshape(-1, 1)

    def loss_terms(self, batch, distances):
        statistics = self.statistics(batch.views)
        decoded = self.decode(self.bottleneck.encode(statistics))
        terms = {"sdf": distance_term(self.signed_distance(decoded, batch.points), batch.distance)}
        return terms | self.bottleneck.loss_terms(self.bottleneck.rate(statistics))

    def matrices(self):
        return []


def build(settings, resolution):
    return Ball(settings)
''',
}
METRIC = """    Metric(
        "volume",
        lambda c: abs(float(c.reconstruction.volume)),
        0.0,
        label="Volume",
        better=1,
        column=9,
        judged=True,
    ),
"""
STAGE = {
    "settings/corners.py": '''
"""Settings of the count of corners."""

from pydantic import Field

from hexplane.plumbing.settings import Settings


class CornersSettings(Settings):
    """What is counted as what."""

    times: int = Field(1, ge=1, description="Each corner counts so many times.")
''',
    "stages/corners.py": '''
"""corners: how many corners a normalised mesh has."""

from pathlib import Path

from hexplane.geometry.meshes import read_normalised
from hexplane.plumbing.files import sha256
from hexplane.plumbing.manifests import Job
from hexplane.settings.corners import CornersSettings

SERVED = True


def run(
    mesh: Path,
    output: Path,
    settings: CornersSettings = CornersSettings(),
    code: str | None = None,
) -> None:
    """Count the corners of a normalised mesh.

    Args:
        mesh: the normalised mesh.
        output: the count, JSON.
    """
    job = Job(__name__, settings, code)
    count = settings.times * len(read_normalised(mesh).vertices)
    job.write_manifest(output, [], inputs={"mesh": sha256(mesh)}, corners=count)
''',
}
RULE = """

rule corners:
    input:
        mesh=paths.mesh,
    output:
        f"{paths.root}/corners/{{mesh}}.json",
    params:
        spec=spec_param(PLAN.corners()),
        code=code_param("corners"),
    message:
        "Counting corners of {wildcards.mesh}"
    shell:
        "python -m hexplane corners {input.mesh:q} {output:q}"
        " --spec {params.spec:q} --code {params.code:q}"
"""
PLAN_ENTRY = '''    def corners(self):
        """Settings of the count of corners."""
        from hexplane.settings.corners import CornersSettings

        return CornersSettings(times=3)

'''


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished run of one arm, of which one head is taken to files."""
    project = Project(tmp_path_factory.mktemp("project"))
    project.configure({"arms": NO_OTHERS, "evaluation": {"heads": ["c"]}})
    project.build()
    return project


def add(project: Project, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = project.folder / "src/hexplane" / name
        assert not path.exists()
        path.write_text(text.lstrip())


def edit(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text()
    after = change(before)
    assert after != before
    path.write_text(after)


def jobs_of(arm: str) -> set[str]:
    made = {f"Encoding c by {arm}", f"Extracting c of {arm}", f"Measuring c of {arm}"}
    return {f"Training {arm}", f"Diagnosing {arm}", "Writing the report"} | made


def check_arm(project: Project, arm: str) -> None:
    results = project.folder / "results/default"
    rows = list(csv.DictReader((results / "metrics/summary.csv").open()))
    assert {row["method"] for row in rows} >= {arm, PLAIN}
    assert arm in (results / "report/index.html").read_text()
    assert project.planned() == set()


def test_a_bottleneck_is_two_new_files(project: Project) -> None:
    add(project, BOTTLENECK)
    assert project.planned() == set()  # whatever was trained stays
    arm = {"features": "occupancy", "bottleneck": {"kind": "louder", "factor": 3}}
    project.configure({"arms": {**NO_OTHERS, "new": arm}, "evaluation": {"heads": ["c"]}})
    oracle = {
        f"{do} {mesh} of oracle-occupancy" for do in ("Extracting", "Measuring") for mesh in "abc"
    }
    assert project.planned() == jobs_of("new") | oracle
    project.build()
    check_arm(project, "new")
    found = json.loads((project.folder / "results/default/diagnostics/new.json").read_text())
    assert "prior" in found["groups"]["train"]  # its own draw
    latent = json.loads((project.folder / "results/default/models/new/config.json").read_text())
    assert latent["spec"]["bottleneck"] == {"kind": "louder", "factor": 3.0}


def test_a_codec_is_two_new_files(project: Project) -> None:
    add(project, CODEC)
    before = json.loads(
        (project.folder / "results/default/models" / PLAIN / "manifest.json").read_text()
    )
    arm = {
        "features": "occupancy",
        "bottleneck": {"kind": "deterministic"},
        "field": "sdf",
        "model": {"kind": "ball", "start": 0.5},
    }
    project.configure({"arms": {**NO_OTHERS, "ball": arm}, "evaluation": {"heads": ["c"]}})
    planned = project.planned()
    assert planned >= jobs_of("ball")
    assert not planned & {f"Training {PLAIN}", f"Encoding c by {PLAIN}"}
    project.build()
    check_arm(project, "ball")
    folder = project.folder / "results/default"
    scores = json.loads((folder / "metrics/ball/c.json").read_text())["metrics"]
    assert scores["watertight"]
    assert scores["euler_number"] == 2  # a ball, whatever the head
    assert scores["latent_bytes_raw"] == 4
    after = json.loads((folder / "models" / PLAIN / "manifest.json").read_text())
    assert after == before


def test_a_metric_is_one_row(project: Project) -> None:
    table = project.folder / "src/hexplane/metrics/table.py"
    edit(table, lambda text: text.replace('    Metric("faces",', METRIC + '    Metric("faces",'))
    hypothesis = {
        "claim": "Meshes have a volume.",
        "holds_if": [{"arms": [PLAIN], "measure": "volume", "at_least": 1e-3}],
    }
    project.configure(
        {"arms": NO_OTHERS, "evaluation": {"heads": ["c"]}, "hypotheses": {"H-volume": hypothesis}}
    )
    planned = project.planned()
    assert f"Measuring c of {PLAIN}" in planned
    assert not {job for job in planned if job.startswith(("Training", "Encoding", "Extracting"))}
    project.build()
    results = project.folder / "results/default"
    scores = json.loads((results / f"metrics/{PLAIN}/c.json").read_text())["metrics"]
    rows = list(csv.DictReader((results / "metrics/summary.csv").open()))
    assert {float(row["volume"]) for row in rows if row["method"] == PLAIN} == {scores["volume"]}
    runs = list(csv.DictReader((results / "metrics/runs.csv").open()))
    assert all("volume" in row and "oracle_volume" in row for row in runs)
    page = (results / "report/index.html").read_text()
    assert ">Volume&nbsp;↑<" in page
    assert "H-volume" in page


def test_a_stage_is_settings_module_rule_and_plan_entry(project: Project) -> None:
    add(project, STAGE)
    with (project.folder / "workflow/rules/hexplanes.smk").open("a") as rules:
        rules.write(RULE)
    plan = project.folder / "src/hexplane/plan.py"
    edit(
        plan,
        lambda text: text.replace("    def evaluate(self)", PLAN_ENTRY + "    def evaluate(self)"),
    )
    target = "results/default/corners/a.json"
    built = project.snakemake("--cores", "1", target)
    assert built.returncode == 0, built.stderr[-2000:]
    found = json.loads((project.folder / target).read_text())
    assert (found["stage"], found["corners"] % 3, found["corners"] > 0) == ("corners", 0, True)
    assert "Nothing to be done" in project.snakemake("--cores", "1", target).stderr
    listed = project.command("hexplane", "--help")
    assert "Count the corners of a normalised mesh." in listed.stdout
    said = project.command("hexplane", "corners", "--help")
    assert "The count, JSON." in said.stdout
    assert project.command("hexplane", "verify").returncode == 0
