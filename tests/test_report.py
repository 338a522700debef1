"""The report on a small fabricated run: what is on the page, and the tables beside it."""

import csv
import json
import re
import statistics
from pathlib import Path

import pytest

from hexplane.errors import UserError
from hexplane.provenance import manifest_path, mismatches
from hexplane.report.pictures import empty_sentence, shown_heads
from hexplane.report.results import Reconstruction, Results
from hexplane.specs.report import ReportSpec
from hexplane.stages import report
from reporting import (
    EMPTY,
    GROUPS,
    HEADS,
    ORACLES,
    RUNS,
    SPEC,
    SPLIT,
    elsewhere,
    fabricate,
    metrics_of,
    page_of,
    runs_of,
    summary_of,
)

pytestmark = pytest.mark.usefixtures("small_pictures")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, small_pictures: None) -> Path:
    folder = tmp_path_factory.mktemp("run") / "results"
    fabricate(folder)
    report.run(folder, page_of(folder), summary_of(folder), runs_of(folder), SPEC)
    return folder


@pytest.fixture(scope="module")
def html(results: Path) -> str:
    return page_of(results).read_text(encoding="utf-8")


def test_page_loads_nothing_from_elsewhere(html: str) -> None:
    # The chart library's own text is no markup: only what stands outside scripts can load.
    markup = re.sub(r"<script.*?</script>", "", html, flags=re.S)
    assert "<script" not in markup
    assert not re.search(r"""\b(?:src|srcset|href|action)=(?!["'](?:data:|#))""", markup)
    assert not re.search(r"@import|url\(", markup)
    assert not re.search(r"<script[^>]+src=", html)
    assert html.count("plotly.js v") == 1


def test_page_shows_every_arm_head_and_picture(html: str) -> None:
    for name in (*HEADS, *ORACLES, *ORACLES.values()):
        assert name in html
    for view in ("top", "bottom", "front", "back", "left", "right"):
        assert f'alt="{view} view, silhouette, input"' in html
        assert f'alt="{view} view, coverage, vae-binary"' in html
        assert f'alt="{view} view, depth, ae-surface"' in html
    pictures = re.findall(r"<img[^>]*>", html)
    assert pictures
    assert all(re.search(r'alt="[^"]+"', picture) for picture in pictures)
    # Original, two oracles and two arms in two pictures each, less the one empty mesh.
    assert sum("mesh from the front" in picture for picture in pictures) == 4 * 10 - 2


def test_an_empty_mesh_is_told_in_a_sentence(html: str) -> None:
    sentence = "The mesh is empty: the decoded field runs from 0.012 to 0.31"
    assert html.count(sentence) == 1
    assert "1 of 2 meshes empty" in html


def test_empty_sentence_covers_dropped_islands_and_unknown_ranges() -> None:
    assert "although" in empty_sentence(Reconstruction(None, 0.0, 1.0, 0.5))
    assert "level 0." in empty_sentence(Reconstruction(None, None, None, 0.0))


def test_verdict_shows_means_of_the_metrics(results: Path, html: str) -> None:
    pattern = (
        r'data-group="(.+?)" data-name="(.+?)" data-measure="(.+?)" data-value="(.+?)">\s*<b>(.+?)<'
    )
    cells = {(g, n, m): (float(v), shown) for g, n, m, v, shown in re.findall(pattern, html)}
    measures = ("f_score_0.01", "chamfer_l1", "iou", "normal_consistency")
    for group, heads in GROUPS.items():
        for name in (*ORACLES, *ORACLES.values()):
            for measure in measures:
                values = [metrics_of(results, name, head)[measure] for head in heads]
                expected = statistics.fmean(value for value in values if value is not None)
                value, shown = cells[group, name, measure]
                assert value == pytest.approx(expected)
                assert float(shown) == pytest.approx(expected, abs=1e-3)
    assert cells["held_out", "vae-binary", "latent_bytes_stored"][0] == 20_002.5


def test_verdict_ratio_is_that_of_the_means(results: Path, html: str) -> None:
    heads = SPLIT["train"]
    arm, oracle = (
        statistics.fmean(metrics_of(results, name, head)["f_score_0.01"] or 0.0 for head in heads)
        for name in ("ae-surface", ORACLES["ae-surface"])
    )
    cell = re.search(
        r'data-group="train" data-name="ae-surface" data-measure="f_score_0.01".*?</td>', html, re.S
    )
    assert cell is not None
    assert f"oracle {oracle:.3f}" in cell[0]
    assert f"ratio {arm / oracle:.2f}" in cell[0]


def test_failure_is_marked_in_words_and_never_best(html: str) -> None:
    rows = re.findall(r"<tr class=\"failed-row\">.*?</tr>", html, re.S)
    assert any("vae-binary" in row for row in rows)
    assert all("failed" in row and "best" not in row for row in rows)


def test_summary_has_one_row_an_arm_or_oracle_and_mesh(results: Path) -> None:
    with summary_of(results).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0])[:4] == ["experiment", "oracle", "mesh", "split"]
    assert {"chamfer_l1", "watertight", "latent_bytes_stored"} <= set(rows[0])
    found = {(row["experiment"], row["mesh"]): row for row in rows}
    assert len(rows) == len(found) == 4 * len(HEADS)
    assert {row["oracle"] for row in rows} == {"", *ORACLES.values()}
    assert found["ae-surface", "cleo"]["split"] == "validation"
    assert found[EMPTY]["chamfer_l1"] == "inf"
    assert found[EMPTY]["empty"] == "true"
    assert found["oracle-occupancy", "ada"]["latent_bytes_raw"] == ""
    iou = metrics_of(results, "ae-surface", "ada")["iou"]
    assert float(found["ae-surface", "ada"]["iou"]) == iou


def test_charts_hold_every_column_with_validation_beside_training(html: str) -> None:
    text = re.search(r'<script type="application/json" id="figures">(.*?)</script>', html, re.S)
    assert text is not None
    figures = {figure["id"]: figure for figure in json.loads(text[1])}
    terms = ("loss", "coverage", "kl", "gradient_norm", "learning_rate", "kl_weight")
    diagnosed = ("rate-distortion-occupancy", "ratio-by-beta", "kl-by-dimension", "spectrum")
    assert list(figures) == ["scores", *diagnosed, *(f"curve-{term}" for term in terms)]
    names = [trace["name"] for trace in figures["curve-loss"]["traces"]]
    assert names == ["vae-binary", "vae-binary, validation", "ae-surface", "ae-surface, validation"]
    assert [trace["name"] for trace in figures["curve-kl"]["traces"]] == ["vae-binary"]
    assert figures["curve-kl"]["layout"]["yaxis"]["type"] == "log"
    assert figures["curve-learning_rate"]["layout"]["yaxis"]["type"] == "linear"
    colours = {trace["line"]["color"] for trace in figures["curve-loss"]["traces"]}
    assert len(colours) == 2


def test_manifest_holds(results: Path) -> None:
    manifest = manifest_path(page_of(results))
    assert manifest.name == "index.json"
    assert mismatches(manifest) == []


def test_same_results_give_the_same_page(results: Path, html: str, tmp_path: Path) -> None:
    report.run(results, *elsewhere(tmp_path), SPEC)
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == html
    assert (tmp_path / "summary.csv").read_text() == summary_of(results).read_text()


@pytest.mark.parametrize(
    "missing",
    [
        "metrics/ae-surface/ada.json",
        "models/vae-binary/history.csv",
        "meshes/dora.ply",
        "diagnostics/ae-surface@1.json",
    ],
)
def test_a_missing_file_is_named_in_one_line(results: Path, tmp_path: Path, missing: str) -> None:
    hidden = (results / missing).rename(results / "hidden")
    try:
        with pytest.raises(UserError, match=re.escape(missing)) as caught:
            report.run(results, *elsewhere(tmp_path), SPEC)
    finally:
        hidden.rename(results / missing)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*.html"))


def test_pictures_are_limited_and_held_out_heads_come_first() -> None:
    split = {"train": [f"t{i:02d}" for i in range(20)], "validation": ["v0"], "test": ["x0", "x1"]}
    heads = [name for part in split.values() for name in part]
    some = ReportSpec(split=split, heads=heads, runs={}, oracles=ORACLES, config={})
    few = Results(Path(), some)
    assert shown_heads(few) == ["x0", "x1", "v0", "t00", "t01", "t02", "t03", "t04"]
    many = some.model_copy(update={"oracles": {f"arm{i}": "oracle" for i in range(20)}})
    assert len(shown_heads(Results(Path(), many))) == 2
    one = some.model_copy(update={"heads": ["t03"]})
    assert shown_heads(Results(Path(), one)) == ["t03"]


def test_runs_are_written_and_in_the_manifest(results: Path) -> None:
    with runs_of(results).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    keys = [(row["experiment"], int(row["seed"]), row["split"]) for row in rows]
    assert keys == [(*run, group) for run in RUNS.values() for group in GROUPS]
    assert {row["kl"] for row in rows if row["experiment"] == "vae-binary"} == {"30", "40"}
    manifest = json.loads(manifest_path(page_of(results)).read_text())
    assert {f"diagnostics/{run}.json" for run in RUNS} <= set(manifest["inputs"])
