"""New heads on the page, from a fabricated run."""

import json
import re
from pathlib import Path

import pytest

from hexplane.analysis.novelty import drawn
from hexplane.analysis.study import Study
from hexplane.plumbing.errors import UserError
from hexplane.report.pictures.draws import draws
from hexplane.results import Results
from hexplane.stages import report
from support.reporting import DRAWN, SPEC, elsewhere, fabricate, fabricate_draws

pytestmark = pytest.mark.usefixtures("small_pictures")
ASKED = SPEC.model_copy(update={"drawn": [DRAWN]})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, small_pictures: None) -> Path:
    folder = tmp_path_factory.mktemp("run") / "results"
    fabricate(folder)
    fabricate_draws(folder)
    report.run(folder, *elsewhere(folder / "report"), ASKED)
    return folder


@pytest.fixture(scope="module")
def results(folder: Path) -> Results:
    return Results(folder, ASKED)


@pytest.fixture(scope="module")
def section(folder: Path) -> str:
    html = (folder / "report/index.html").read_text(encoding="utf-8")
    (found,) = re.findall(r'<section id="draws">.*?</section>', html, re.DOTALL)
    assert '<a href="#draws">New heads</a>' in html
    return found


def test_targets_are_judged(results: Results):
    (own,) = drawn(results)
    assert own.ratio == pytest.approx(0.025 / 0.02)
    assert own.reached == {"whole": False, "accuracy": True, "nearest": True}
    assert own.nearest["held_out"] is own.shapes["held_out"] is own.samples["train"] is None
    assert (own.count, own.temperature, own.prior) == (3, 0.8, "a Gaussian")


def test_the_page_has_the_measures(section: str):
    assert section.count("★ reached") == 2 and section.count("✕ missed") == 1
    assert '<b data-whole="0.66' in section and "33 % empty" in section
    assert re.findall(r'data-accuracy="([\d.]+)"', section) == ["0.6", "0.55", "0.5"]
    assert "(50 % to 75 %)" in section and "1 set of 2 a side" in section
    assert "too few heads" in section and "3 draws at 0.8 from a Gaussian" in section
    assert "0.0250" in section


def test_draws_stand_before_the_nearest_training_head(results: Results, section: str):
    (shown,) = draws(Study(results))
    assert [card.name for card in shown.cards] == ["draw 0", "ada", "draw 1", "draw 2", "bea"]
    assert [card.picture is None for card in shown.cards] == [False, False, True, False, False]
    assert shown.cards[-1].caption == "nearest: bea, mirrored"
    assert section.count("<img") == 4 and "This draw is empty." in section


def test_without_draws_there_is_no_such_part(folder: Path, tmp_path: Path):
    page, summary, runs = elsewhere(tmp_path)
    report.run(folder, page, summary, runs, SPEC)
    assert 'id="draws"' not in page.read_text(encoding="utf-8")


def test_the_report_knows_what_it_was_made_from(folder: Path):
    inputs = json.loads((folder / "report/index.json").read_text())["inputs"]
    assert f"draws/{DRAWN}/novelty.json" in inputs


def test_damaged_measures_are_one_line(folder: Path, results: Results):
    path = folder / f"draws/{DRAWN}/novelty.json"
    text = path.read_text()
    try:
        path.write_text(text.replace('"samples"', '"sample"'))
        with pytest.raises(UserError, match=r"novelty\.json: no measures of drawn heads in it"):
            drawn(results)
    finally:
        path.write_text(text)
