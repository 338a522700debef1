"""An arm of the triplane codec through the whole workflow, beside a network that decodes views."""

import csv
import json
from pathlib import Path

import pytest

from support.project import Project

pytestmark = pytest.mark.slow

TRIPLANE = {
    "features": "depth_normal",
    "bottleneck": {"kind": "gaussian"},
    "field": "sdf",
    "model": {
        "kind": "triplane",
        "widths": [8],
        "latent_channels": 2,
        "latent_resolution": 8,
        "plane_channels": 4,
        "plane_resolution": 16,
        "unet_depth": 2,
        "field_width": 8,
        "field_blocks": 1,
    },
}
CONFIG = {"arms": {"vae-occupancy": None, "triplane": TRIPLANE}, "draws": {"count": 2}}


def test_it_is_trained_measured_drawn_from_and_shown(tmp_path: Path):
    project = Project(tmp_path)
    project.configure(CONFIG)
    built = project.snakemake("--cores", "2")
    assert built.returncode == 0, built.stderr[-4000:]
    with (project.results / "metrics/summary.csv").open() as stream:
        methods = {row["method"] for row in csv.DictReader(stream)}
    assert methods == {"ae-depth-normal", "triplane", "oracle-depth_normal", "oracle-sdf"}
    found = json.loads((project.results / "diagnostics/triplane.json").read_text())
    assert set(found["groups"]["train"]["terms"]) == {"sdf", "kl", "kl_charged"}
    assert {path.name for path in (project.results / "draws/triplane").glob("*.hxl")} == {
        "000.hxl",
        "001.hxl",
    }
    page = (project.results / "report/index.html").read_text(encoding="utf-8")
    assert "triplane" in page
    assert project.planned() == set()
