"""Classical methods on the page and in their table, from a fabricated run."""

import csv
import re
from pathlib import Path

import pytest

from hexplane.analysis.classical import tables
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import write_json
from hexplane.plumbing.manifests import Job
from hexplane.results import Results
from hexplane.stages import report
from support.reporting import HEADS, SPEC, elsewhere, fabricate

pytestmark = pytest.mark.usefixtures("small_pictures")
ARM = next(iter(SPEC.oracles))
CHOSEN = SPEC.model_copy(
    update={
        "reconstructed": {"views": list(HEADS), ARM: list(HEADS)},
        "solids": [next(iter(HEADS))],
    }
)


def _measures(mesh: int, empty: bool = False) -> dict[str, object]:
    return {
        "vertices": 100 + mesh,
        "faces": 196,
        "hausdorff_share": None if empty else 0.01 * (mesh + 1),
        "chamfer_l1": None if empty else 0.001,
        "closed": not empty,
        "draco_bytes": 800,
        "seconds": 0.25,
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, small_pictures: None) -> Path:
    folder = tmp_path_factory.mktemp("run") / "results"
    fabricate(folder)
    for source in CHOSEN.reconstructed:
        for number, mesh in enumerate(HEADS):
            own = {"contour": _measures(number, empty=source == ARM and number > 0)}
            if source == ARM:
                own["own as contour"] = _measures(number)
            path = folder / f"classical/{source}/{mesh}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            Job("hexplane.stages.classical", None).write_manifest(path, [], methods=own)
    page, summary, runs = elsewhere(folder / "report")
    report.run(folder, page, summary, runs, CHOSEN, classical=folder / "metrics/classical.csv")
    return folder


def test_the_table_has_a_row_for_each_source_mesh_and_method(folder: Path) -> None:
    with (folder / "metrics/classical.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 3 * len(HEADS)
    assert {row["source"] for row in rows} == {"views", ARM}
    infinite = [row for row in rows if row["chamfer_l1"] == "inf"]
    assert len(infinite) == len(HEADS) - 1
    assert {row["closed"] for row in infinite} == {"False"}


def test_solids_stand_alone_and_heads_by_their_kind(folder: Path) -> None:
    found = tables(Results(folder, CHOSEN))
    assert found[0].title == next(iter(HEADS))
    assert [row.method for row in found[0].rows] == ["contour", "contour", "own as contour"]
    assert found[0].rows[0].milliseconds == 250
    assert sum(table.count for table in found) == len(HEADS)
    for table in found[1:]:
        # One empty mesh makes the distances of its kind infinite.
        assert table.rows[1].chamfer is None
        assert table.rows[1].closed == 0
        assert table.rows[0].closed == table.count


def test_the_page_shows_them(folder: Path) -> None:
    html = (folder / "report/index.html").read_text(encoding="utf-8")
    section = re.search(r'<section id="classical">.*?</section>', html, re.S)
    assert section is not None
    assert "1.00 %" in section[0]
    assert "∞" in section[0]
    assert "under its silhouettes in space" in section[0]
    assert section[0].count("<table") == len(tables(Results(folder, CHOSEN)))


def test_a_study_without_has_no_such_part(folder: Path) -> None:
    assert tables(Results(folder, SPEC)) == []


def test_a_file_without_measures_is_named(folder: Path, tmp_path: Path) -> None:
    head = next(iter(HEADS))
    path = tmp_path / f"classical/views/{head}.json"
    path.parent.mkdir(parents=True)
    write_json(path, {"stage": "classical"})
    own = CHOSEN.model_copy(update={"reconstructed": {"views": [head]}})
    with pytest.raises(UserError) as caught:
        tables(Results(tmp_path, own))
    assert str(path) in str(caught.value)
