"""The report on a small fabricated run: what is on the page, and the tables beside it."""

import base64
import csv
import json
import re
import statistics
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image

from hexplane.analysis import machine
from hexplane.analysis.study import Study
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.manifests import manifest_path, mismatches
from hexplane.report.demo import build as demo
from hexplane.report.demo.build import empty_sentence
from hexplane.report.demo.screen import EXTENT, pack
from hexplane.report.page import build_page
from hexplane.report.pictures import scale
from hexplane.results import Reconstruction, Results
from hexplane.settings.interpolate import STEPS
from hexplane.split import in_turn
from hexplane.stages import report
from support.reporting import (
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
    assert html.count("Three.js Authors") == 1
    assert html.count("plotly.js v") == 1


def data_of(html: str, name: str) -> Any:
    """The JSON of one of the page's data elements."""
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', html, re.S)
    assert found is not None, name
    return json.loads(found[1])


def unpacked(packed: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Vertices [V, 3] in canonical units and faces [F, 3] of a mesh on the page."""
    vertices = np.frombuffer(base64.b64decode(packed["v"]), "<i2").reshape(-1, 3)
    faces = np.frombuffer(base64.b64decode(packed["f"]), "<u2").reshape(-1, 3)
    return vertices * EXTENT / 32767, faces


def test_demo_holds_every_head_arm_and_view(html: str) -> None:
    about = data_of(html, "about")
    assert about["heads"] == ["dora", "cleo", "ada", "bea"]
    assert about["arm"] == "ae-surface"
    for index in range(len(HEADS)):
        head = data_of(html, f"head-{index}")
        assert list(head["arms"]) == list(ORACLES)
        assert set(head["views"]) == {"binary", "depth", "normal"}
        for name, arm in head["arms"].items():
            for kind, part in arm["views"].items():
                decoded = kind == "binary" or name == "ae-surface"
                assert part["seen"] == ((kind == "binary") == (name == "vae-binary"))
                for row in (part["decoded"], part["difference"]):
                    assert (row is not None) == decoded
                    assert row is None or len(row) == 6


def test_meshes_on_the_page_are_those_of_the_files(results: Path, html: str) -> None:
    head = data_of(html, "head-0")
    for packed, path in (
        (head["mesh"], "meshes/dora.ply"),
        (head["arms"]["ae-surface"]["mesh"], "reconstructions/ae-surface/dora.ply"),
    ):
        vertices, faces = unpacked(packed)
        truth = trimesh.load_mesh(results / path, process=False)
        assert faces.shape == truth.faces.shape
        assert np.abs(vertices[faces] - truth.vertices[truth.faces]).max() < 1e-4
    shares = np.frombuffer(base64.b64decode(head["arms"]["ae-surface"]["mesh"]["d"]), np.uint8)
    # Vertices were moved by 0.01 in each direction; the scale ends at twice the coarsest threshold.
    assert 0.1 < shares.mean() / 255 < 0.6


def test_pictures_have_text_alternatives(html: str) -> None:
    pictures = re.findall(r"<img[^>]*>", html)
    still = [picture for picture in pictures if "data:" in picture]
    assert all(re.search(r'alt="[^"]+"', picture) for picture in still)
    # Original, two oracles and two arms of four heads, less the one empty mesh.
    assert len(still) == 4 * 5 - 1
    canvases = re.findall(r"<canvas[^>]*>", html)
    assert len(canvases) == 3
    assert all('role="img" aria-label="' in canvas for canvas in canvases)


def test_an_empty_mesh_is_told_in_a_sentence(html: str) -> None:
    sentence = "The mesh is empty: the decoded field runs from 0.012 to 0.31"
    arm, head = EMPTY
    assert data_of(html, "about")["heads"][0] == head
    found = data_of(html, "head-0")["arms"][arm]
    assert found["mesh"] is None
    assert found["says"].startswith(sentence)
    assert html.count(sentence) == 2  # in the demo and among the still pictures
    assert "1 of 2 meshes empty" in html


def test_meshes_between_two_heads(html: str) -> None:
    steps = data_of(html, "blend-0")
    assert len(steps) == STEPS
    assert [step["mesh"] is None for step in steps].index(True) == STEPS // 2
    assert "from 0 to 0.25" in steps[STEPS // 2]["says"]
    shapes = [unpacked(step["mesh"])[0][:, 0].max() for step in data_of(html, "blend-1")]
    assert shapes == sorted(shapes)
    assert f'max="{STEPS - 1}"' in html
    assert "Latents of dora and cleo" in html


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
    assert list(rows[0])[:4] == ["method", "oracle", "mesh", "split"]
    assert {"chamfer_l1", "watertight", "latent_bytes_stored"} <= set(rows[0])
    found = {(row["method"], row["mesh"]): row for row in rows}
    assert len(rows) == len(found) == 4 * len(HEADS)
    assert {row["oracle"] for row in rows} == {"", *ORACLES.values()}
    assert found["ae-surface", "cleo"]["split"] == "validation"
    assert found[EMPTY]["chamfer_l1"] == "inf"
    assert found[EMPTY]["empty"] == "true"
    assert found["oracle-occupancy", "ada"]["latent_bytes_raw"] == ""
    iou = metrics_of(results, "ae-surface", "ada")["iou"]
    assert float(found["ae-surface", "ada"]["iou"]) == iou


def test_charts_hold_every_column_with_validation_beside_training(html: str) -> None:
    figures = {figure["id"]: figure for figure in data_of(html, "figures")}
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


def test_heads_that_do_not_fit_are_named(
    results: Path, html: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = sum(len(json.dumps(data_of(html, f"head-{index}"))) for index in range(2))
    monkeypatch.setattr(demo, "HEADS_BYTES", int(1.1 * two))
    monkeypatch.setattr(demo, "BLENDS_BYTES", 1)
    page = build_page(Study(Results(results, SPEC)), [])
    assert data_of(page, "about")["heads"] == ["dora", "cleo"]
    assert "2 of 4 heads are here" in page
    assert "left out to keep the file small:\n  ada, bea" in page
    assert "evaluation.heads" in page
    assert 'id="blend-1"' not in page
    assert "Left out to keep the file small: ae-surface" in page


def test_heads_are_taken_in_turn_from_the_parts_of_the_split() -> None:
    split = {"train": ["t0", "t1", "t2"], "validation": ["v0"], "test": ["x0", "x1"]}
    heads = [name for part in split.values() for name in part]
    assert in_turn(split, heads) == ["x0", "v0", "t0", "x1", "t1", "t2"]
    assert in_turn(split, ["t1"]) == ["t1"]


def test_large_meshes_are_made_small_and_stay_in_place(torus: trimesh.Trimesh) -> None:
    vertices, faces = unpacked(pack(torus, 1500))
    assert len(faces) <= 1500 < len(torus.faces)
    small = trimesh.Trimesh(vertices, faces)
    assert small.is_watertight
    assert small.volume == pytest.approx(torus.volume, rel=0.02)
    near = torus.copy()
    near.apply_translation([0, 0.02, 0])
    shares = np.frombuffer(base64.b64decode(pack(near, 1500, torus, far=0.04)["d"]), np.uint8)
    assert shares.max() == pytest.approx(0.5 * 255, abs=3)  # where the surface faces the shift


def test_error_scale_grows_darker_all_along() -> None:
    colours = scale.colours(np.linspace(0, 1, 101))
    luminance = (colours / 255.0) ** 2.2 @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) < 0).all()
    assert luminance[0] / max(luminance[-1], 1e-3) > 20


def test_time_is_that_of_the_benchmark_files_and_memory_the_manifests(
    html: str, results: Path
) -> None:
    table = re.search(r'<table class="text" id="costs">.*?</table>', html, re.S)
    assert table is not None
    rows = re.findall(r'<th scope="row">(\w+)</th>(.*?)</tr>', table[0], re.S)
    cells = {name: re.findall(r"<td[^>]*>(.*?)</td>", row, re.S) for name, row in rows}
    # Two of four jobs were measured; "gone" is no mesh.
    assert cells["normalise"][0] == "4"
    assert cells["normalise"][2].startswith("3.8 s")
    assert "2 of 4 jobs" in cells["normalise"][2]
    peaks = [json.loads(path.read_text())["peak_mb"] for path in results.glob("meshes/*.json")]
    assert len(peaks) == 4 and min(peaks) > 50
    assert cells["normalise"][3:] == ["2.2 s", f"{max(peaks):,} MB"]
    assert cells["evaluate"][2] == "not measured by Snakemake"


def test_commit_says_so_where_there_is_none(tmp_path: Path) -> None:
    assert machine.commit(tmp_path) == "not in a git checkout"
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    (tmp_path / "__init__.py").write_text("")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True)
    head = machine.commit(tmp_path)
    assert re.fullmatch(r"[0-9a-f]{40}", head)
    (tmp_path / "__init__.py").write_text("1\n")
    assert machine.commit(tmp_path) == f"{head}, with changes that are not committed"


def test_figures_lie_beside_the_page(results: Path) -> None:
    folder = page_of(results).parent
    for name in ("scores.svg", "training.svg"):
        text = (folder / name).read_text()
        assert text.startswith("<?xml")
        assert "vae-binary" in text or "<path" in text
    with Image.open(folder / "heads.png") as picture:
        assert picture.width > 100
        assert len(picture.convert("L").getcolors() or []) > 10


def test_runs_are_written_and_in_the_manifest(results: Path) -> None:
    with runs_of(results).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    keys = [(row["arm"], int(row["seed"]), row["split"]) for row in rows]
    assert keys == [(*run, group) for run in RUNS.values() for group in GROUPS]
    assert {row["kl"] for row in rows if row["arm"] == "vae-binary"} == {"30", "40"}
    manifest = json.loads(manifest_path(page_of(results)).read_text())
    assert {f"diagnostics/{run}.json" for run in RUNS} <= set(manifest["inputs"])
