"""Hypotheses and runs on the report's page, and pages of some heads and of many arms."""

import csv
import math
import re
from html import unescape
from pathlib import Path

import pytest

from hexplane.analysis.study import Study
from hexplane.report.charts.looks import looks
from hexplane.report.charts.training import training_charts
from hexplane.report.page import build_page
from hexplane.report.pictures.gallery import shelves
from hexplane.report.sentences import sentences
from hexplane.report.text import figure, percent
from hexplane.results import Results
from hexplane.settings.report import ReportSettings
from hexplane.stages import report
from support.reporting import HEADS, ORACLES, SPEC, elsewhere, fabricate, metrics_of

pytestmark = pytest.mark.usefixtures("small_pictures")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, small_pictures: None) -> Path:
    folder = tmp_path_factory.mktemp("run") / "results"
    fabricate(folder)
    return folder


@pytest.fixture(scope="module")
def html(results: Path) -> str:
    return page_with(results, SPEC)


def page_with(results: Path, spec: ReportSettings) -> str:
    study = Study(Results(results, spec))
    return build_page(study, shelves(study))


def between(html: str, start: str, end: str) -> str:
    found = re.search(f"{re.escape(start)}.*?{re.escape(end)}", html, re.S)
    assert found is not None, start
    return found[0]


def text_of(markup: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", markup))).strip()


def test_hypotheses_follow_the_verdict_with_their_outcomes(html: str) -> None:
    sections = re.findall(r'<section id="(\w+)">', html)
    assert sections == [
        "verdict",
        "hypotheses",
        "demo",
        "run",
        "training",
        "latents",
        "runs",
        "notes",
        "again",
    ]
    outcomes = re.findall(r'<article [^>]*data-name="(.+?)" data-outcome="(.+?)"', html)
    assert outcomes == [
        ("H-binary", "supported"),
        ("H-rate", "undecided"),
        ("H-same", "contradicted"),
    ]
    assert "Binary input &lt;fails&gt;." in html


def test_evidence_has_values_and_a_sign_for_each_seed(html: str) -> None:
    article = between(html, 'data-name="H-rate"', "</article>")
    assert "On training heads, kl of every arm named * is at least 35." in article
    table = text_of(between(article, "<table", "</table>"))
    assert table.startswith("Arm Mean ± sd Seed 3 Seed 4 Held")
    # An arm without KL leaves it open.
    assert "vae-binary 35 ± 7.1 30 40 ✗ ✓" in table
    assert "ae-surface ? ? ? ? ?" in table
    assert "seed 3: fails" in article
    pair = text_of(between(html, 'data-name="H-same"', "</article>"))
    assert re.search(r"vae-binary 1 ± 0 1 1 ✗ ✗ \S+ ae-surface 0 ± 0 0 0$", pair)


def test_runs_table_counts_failed_seeds(html: str) -> None:
    table = between(html, 'data-group="held_out">', "</table>")
    binary = text_of(between(table, 'data-name="vae-binary"', "</tr>"))
    assert "✕ 2 of 2" in binary
    assert "35 ± 7.1" in binary
    assert "5 of 6,144" in binary
    assert "0.6 at most 0.693" in binary
    assert "50 % shuffled 50 % prior 100 %" in binary
    surface = text_of(between(table, 'data-name="ae-surface"', "</tr>"))
    assert "0 of 2" in surface
    assert "none none none none" in surface


def test_a_page_on_some_heads_says_which(results: Path) -> None:
    spec = SPEC.model_copy(
        update={"heads": ["ada"], "interpolated": [], "config": SPEC.config | {"hypotheses": {}}}
    )
    page = page_with(results, spec)
    text = text_of(between(page, "<header>", "</header>"))
    assert "2 arms took 4 heads" in text
    assert "Heads: 2 for training, 1 for validation and 1 for test." in text
    assert "Mesh files and pictures are of 1 of these heads (ada)" in text
    assert "Training heads: 1 of 2" in page
    assert "Held-out heads (validation and test)" not in page
    assert "mesh from the front" in page
    assert "one was evaluated" in text_of(page)
    assert not any(f"{mesh}, ae-surface: mesh" in page for mesh in HEADS if mesh != "ada")
    assert 'id="hypotheses"' not in page
    # All four heads were rendered and measured on their oracles, whatever the arms were.
    stages = text_of(between(page, 'id="costs"', "</table>"))
    assert "normalise 4" in stages
    assert "evaluate 10" in stages  # two arms on one head, two oracles on four


def test_another_family_is_a_group_of_its_own(results: Path, tmp_path: Path) -> None:
    split = {"train": ["ada", "bea"], "validation": ["cleo"], "test": []}
    spec = SPEC.model_copy(update={"split": split, "others": {"ict": ["dora"]}})
    page, summary, runs = elsewhere(tmp_path)
    report.run(results, page, summary, runs, spec)
    with summary.open(newline="") as stream:
        splits = {row["mesh"]: row["split"] for row in csv.DictReader(stream)}
    assert splits == {"ada": "train", "bea": "train", "cleo": "validation", "dora": "ict"}
    html = page.read_text(encoding="utf-8")
    assert "2 for training, 1 for validation and 1 of the family ict." in text_of(html)
    # Verdicts stand apart, those on the study's own held-out heads first; these decide.
    verdict = between(html, '<section id="verdict">', "</section>")
    titles = re.findall(r"<(?:h3|summary)>([^<]+: \d+)[^<]*</(?:h3|summary)>", verdict)
    assert titles == [
        "Held-out heads (validation and test): 1",
        "Training heads: 2",
        "Heads of the family ict, never trained on: 1",
    ]
    study = Study(Results(results, spec))
    scores = {group.key: group for group in study.groups}
    f = {
        key: next(row.cells["f_score_0.02"].value for row in group.rows if row.name == "ae-surface")
        for key, group in scores.items()
    }
    assert f["ict"] == metrics_of(results, "ae-surface", "dora")["f_score_0.02"]
    assert f["held_out"] == metrics_of(results, "ae-surface", "cleo")["f_score_0.02"]
    assert [row.empty for row in scores["ict"].rows] == [1, 0]
    assert "On the held-out head" in sentences(study)[1]
    assert "dora (ict head)" in text_of(html)
    only = SPEC.model_copy(update={"split": {"train": ["ada"]}, "others": {"ict": ["dora"]}})
    chosen = only.model_copy(update={"heads": ["dora"], "interpolated": []})
    assert "On the ict head" in sentences(Study(Results(results, chosen)))[1]


def test_a_page_without_mesh_files_keeps_the_runs(results: Path) -> None:
    page = page_with(results, SPEC.model_copy(update={"heads": [], "interpolated": []}))
    sections = re.findall(r'<section id="(\w+)">', page)
    assert sections == ["hypotheses", "run", "training", "runs", "notes", "again"]
    assert "there is no verdict here" in page


def test_many_arms_are_folded_away(results: Path, html: str, tmp_path: Path) -> None:
    copies = {f"copy-{index:02d}": "ae-surface" for index in range(12)}
    for name, arm in copies.items():
        for part in ("models", "metrics", "reconstructions"):
            (tmp_path / part).mkdir(exist_ok=True)
            (tmp_path / part / name).symlink_to(results / part / arm)
    for part in ("models", "metrics", "reconstructions"):
        for own in (results / part).iterdir():
            (tmp_path / part / own.name).symlink_to(own)
    for part in ("meshes", "hexplanes"):
        (tmp_path / part).symlink_to(results / part)
    chosen = SPEC.config["arms"]
    arms = chosen | {name: chosen[arm] for name, arm in copies.items()}
    spec = SPEC.model_copy(
        update={
            "heads": ["ada"],
            "interpolated": [],
            "runs": {},
            "oracles": ORACLES | {name: ORACLES[arm] for name, arm in copies.items()},
            "config": {"seed": 3, "arms": arms},
        }
    )
    page = page_with(tmp_path, spec)
    assert "<summary>14 arms</summary>" in page
    assert '<select id="choose-arm">' in page
    assert '<select id="choose-arm">' not in html
    assert "<summary>14 arms</summary>" not in html
    assert page.count("<details") == page.count("</details>")
    legend = re.findall(r'<button type="button" data-arm="(.+?)"', page)
    assert legend == list(arms)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "?"),
        (0.0, "0"),
        (1234.6, "1,235"),
        (0.12345, "0.123"),
        (math.inf, "∞"),
        (2e-6, "2e-06"),
    ],
)
def test_figures_are_short(value: float | None, shown: str) -> None:
    assert figure(value) == shown


def test_percents_are_whole_only_where_they_are() -> None:
    assert [percent(share) for share in (0, 0.001, 0.5, 0.999, 1)] == [
        "0 %",
        "0.1 %",
        "50 %",
        "99.9 %",
        "100 %",
    ]


def test_terms_of_several_likelihoods_have_a_chart_each() -> None:
    histories = {
        "squared": {"step": [1.0, 2.0], "loss": [0.5, 0.4], "sdf": [None, 0.1]},
        "sigma": {"step": [1.0, 2.0], "loss": [-1.0, -2.0], "sdf": [0.3, 0.2]},
    }
    likelihoods = {"squared": "mse", "sigma": "learned_sigma"}
    found = training_charts(histories, looks(list(histories)), likelihoods)
    charts = {chart["id"]: chart for chart in found}
    assert list(charts) == ["curve-loss-mse", "curve-loss-learned_sigma", "curve-sdf"]
    assert charts["curve-loss-learned_sigma"]["title"] == "Total loss: learned sigma"
    assert [trace["y"] for trace in charts["curve-loss-mse"]["traces"]] == [[0.5, 0.4]]
    # A value that was not logged leaves no point.
    assert [trace["x"] for trace in charts["curve-sdf"]["traces"]] == [[2], [1, 2]]
