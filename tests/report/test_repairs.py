"""What the page and the table say of meshes that were mended, and of oracles that are poor."""

import csv
import json
import re
from pathlib import Path

import pytest

from hexplane.analysis.study import Study
from hexplane.report.sentences import repairs
from hexplane.results import Results
from hexplane.stages import report
from support.reporting import HEADS, SPEC, fabricate, page_of, runs_of, summary_of
from support.stores import BARE

pytestmark = pytest.mark.usefixtures("small_pictures")


def note(manifest: Path, **facts: object) -> None:
    """Add facts to a manifest, which need not be there."""
    held = {**BARE, "stage": "render"}
    if manifest.is_file():
        held = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(held | facts))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, small_pictures: None) -> Path:
    """A fabricated run whose meshes came in open, turned, doubled or hidden from the views."""
    folder = tmp_path_factory.mktemp("run") / "results"
    fabricate(folder)
    note(folder / "meshes/ada.json", openings=2, closed_share=0.031)
    note(folder / "meshes/bea.json", turned_faces=1234, doubled_faces=0, openings=0)
    note(folder / "meshes/cleo.json", doubled_faces=7)
    note(folder / "meshes/dora.json", hint="z is its longest axis, but up is y")
    note(folder / "hexplanes/dora.manifest.json", seen_share=0.75)
    note(folder / "hexplanes/ada.manifest.json", seen_share=0.98)
    for mesh in HEADS:  # a visual hull that holds nothing of these
        path = folder / f"metrics/oracle-occupancy/{mesh}.json"
        metrics = json.loads(path.read_text())["metrics"]
        note(path, metrics=metrics | {"iou": 0.5})
    report.run(folder, page_of(folder), summary_of(folder), runs_of(folder), SPEC)
    return folder


def test_each_repair_is_told_of_the_mesh_it_was_done_to(results: Path) -> None:
    said = repairs(Study(Results(results, SPEC)))
    assert said == [
        "Openings were closed in ada (2 openings, 3 % of its area).",
        "Faces were turned outwards in bea (1,234).",
        "Doubled faces were left out of cleo (7).",
        "A wrong `up` may be that of dora (z is its longest axis, but up is y).",
        "No view sees all of dora (25 % of its surface unseen).",
    ]
    page = page_of(results).read_text()
    assert all(sentence in page for sentence in said)


def test_many_meshes_are_counted(results: Path, tmp_path: Path) -> None:
    names = [f"scan-{i}" for i in range(9)]
    for name in names:
        (tmp_path / "meshes").mkdir(exist_ok=True)
        note(tmp_path / f"meshes/{name}.json", openings=1, closed_share=0.5)
    many = SPEC.model_copy(update={"split": {"train": names, "validation": [], "test": ["whole"]}})
    assert repairs(Study(Results(tmp_path, many))) == [
        "Openings were closed in 9 of 10 meshes, among them scan-0 (1 opening, 50 % of its area) "
        "and scan-1 (1 opening, 50 % of its area)."
    ]


def test_nothing_is_said_where_nothing_was_done(tmp_path: Path) -> None:
    assert repairs(Study(Results(tmp_path, SPEC))) == []


def test_a_poor_oracle_is_named_on_the_page_and_in_the_table(results: Path) -> None:
    page = page_of(results).read_text()
    rows = re.findall(r"<tr><th scope=\"row\">.*?</th>", page, flags=re.S)
    marked = {
        name: "✕ poor" in row and "these six views do not hold these meshes" in row
        for row in rows
        for name in ("oracle-occupancy", "oracle-depth_normal")
        if name in row
    }
    assert marked == {"oracle-occupancy": True, "oracle-depth_normal": False}
    table = list(csv.DictReader(summary_of(results).open()))
    poor = {row["method"] for row in table if row["oracle_poor"] == "true"}
    # An arm's row says it of the oracle that it is judged by.
    assert poor == {"oracle-occupancy", "vae-binary"}
    assert {row["oracle_poor"] for row in table} == {"true", "false"}


def test_the_page_says_that_no_head_is_held_out(results: Path, tmp_path: Path) -> None:
    assert "No head is held out" not in page_of(results).read_text()
    split = {"train": HEADS, "validation": [], "test": []}
    shares = {"test": 0.125, "validation": 0.125}
    spec = SPEC.model_copy(update={"split": split, "config": {**SPEC.config, "split": shares}})
    page = tmp_path / "index.html"
    report.run(results, page, tmp_path / "all.csv", tmp_path / "runs.csv", spec)
    said = "No head is held out, because 0.125 of 4 rounds to none"
    assert said in page.read_text()
