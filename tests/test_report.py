"""The report on a small fabricated run: two arms, of which one gives an empty mesh."""

import csv
import json
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import trimesh

from hexplane import metrics
from hexplane.errors import UserError
from hexplane.files import write_json
from hexplane.meshes import write_mesh
from hexplane.provenance import Stage, manifest_path, mismatches
from hexplane.render.embree import EmbreeRenderer
from hexplane.report import images
from hexplane.report.pictures import empty_sentence, shown_heads
from hexplane.report.results import Reconstruction, Results
from hexplane.specs.report import ReportSpec
from hexplane.stages import report
from hexplane.store import write_decoded, write_hexplane

SPLIT = {"train": ["ada", "bea"], "validation": ["cleo"], "test": ["dora"]}
HEADS = [name for names in SPLIT.values() for name in names]
ORACLES = {"vae-binary": "oracle-occupancy", "ae-surface": "oracle-depth_normal"}
EMPTY = ("vae-binary", "dora")
THRESHOLDS = (0.005, 0.01, 0.02)
SPEC = ReportSpec(
    split=SPLIT,
    oracles=ORACLES,
    config={
        "seed": 3,
        "extraction": {"level": 0.5},
        "experiments": {
            "vae-binary": {
                "features": "occupancy",
                "bottleneck": {"kind": "gaussian", "kl_weight": 1e-5},
            },
            "ae-surface": {"features": "depth_normal", "bottleneck": {"kind": "deterministic"}},
        },
    },
)


def _head(index: int) -> trimesh.Trimesh:
    mesh = trimesh.creation.icosphere(subdivisions=2)
    mesh.apply_scale([0.6 + 0.02 * index, 0.9, 0.7])
    return mesh


def _manifest(path: Path, outputs: list[Path], **facts: object) -> None:
    stage = Stage("hexplane.stages.render", {"seed": 3}, None)
    stage.name = path.parts[-2] if path.stem == "manifest" else path.parts[-3]
    stage.write_manifest(path, outputs, **facts)


def _history(path: Path, gaussian: bool) -> None:
    rows = [
        "step,seconds,learning_rate,kl_weight,loss,coverage,kl,gradient_norm,"
        "validation_loss,validation_coverage"
    ]
    for step in range(0, 1001, 50):
        loss = 0.02 + np.exp(-step / 150)
        kl = f"1e-5,{loss},{loss},{40 + step**2}" if gaussian else f",{loss},{loss},"
        watched = f"{1.2 * loss},{1.3 * loss}" if step % 200 == 0 else ","
        rows.append(f"{step},{step / 10},0.002,{kl},{1 / (1 + step)},{watched}")
    path.write_text("\n".join(rows) + "\n")


def fabricate(results: Path, resolution: int = 32) -> None:
    """A run of four ellipsoids: decoded views are the input plus noise."""
    rng = np.random.default_rng(0)
    renderer = EmbreeRenderer()
    for index, mesh in enumerate(HEADS):
        original = _head(index)
        path = results / "meshes" / f"{mesh}.ply"
        write_mesh(original, path)
        _manifest(path.with_suffix(".json"), [path])
        truth = renderer.render(original, resolution)
        write_hexplane(results / "hexplanes" / f"{mesh}.zarr", truth)
        for name in (*ORACLES, *ORACLES.values()):
            noise = 0.01 if name in ORACLES else 0.001
            found = original.copy()
            found.vertices += rng.normal(scale=noise, size=found.vertices.shape)
            if (name, mesh) == EMPTY:
                found = trimesh.Trimesh()
            path = results / "reconstructions" / name / f"{mesh}.ply"
            write_mesh(found, path)
            empty = len(found.faces) == 0
            field = (0.012, 0.31) if empty else (0.0, 1.0)
            facts = {"empty": empty, "field_min": field[0], "field_max": field[1], "level": 0.5}
            _manifest(path.with_suffix(".json"), [path], **facts)
            scores = metrics.compare(found, original, 200, THRESHOLDS, seed=0)
            if name in ORACLES:
                scores |= {"latent_bytes_raw": 24_576, "latent_bytes_stored": 20_000 + index}
                noisy = truth.occupancy + rng.normal(scale=0.1, size=truth.depth.shape)
                decoded = {"coverage": noisy.clip(0, 1).astype(np.float32)}
                if name == "ae-surface":
                    decoded |= {"depth": truth.depth, "normal": truth.normal}
                write_decoded(path.with_suffix(".zarr"), decoded)
            _manifest(results / "metrics" / name / f"{mesh}.json", [], metrics=scores)
    for name in ORACLES:
        folder = results / "models" / name
        folder.mkdir(parents=True)
        _history(folder / "history.csv", gaussian=name.startswith("vae"))
        write_json(folder / "config.json", {"parameters": 123_456, "steps": 1000, "seconds": 75.5})
        _manifest(folder / "manifest.json", [folder / "history.csv"])


@pytest.fixture(scope="module", autouse=True)
def small_pictures() -> Iterator[None]:
    """Mesh pictures of full size take most of the time, and no test looks at them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images, "MESH_PIXELS", 32)
        yield


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, small_pictures: None) -> Path:
    folder = tmp_path_factory.mktemp("run") / "results"
    fabricate(folder)
    report.run(folder, _page(folder), _summary(folder), SPEC)
    return folder


@pytest.fixture(scope="module")
def html(results: Path) -> str:
    return _page(results).read_text(encoding="utf-8")


def _page(results: Path) -> Path:
    return results / "report" / "index.html"


def _summary(results: Path) -> Path:
    return results / "metrics" / "summary.csv"


def _metrics(results: Path, name: str, mesh: str) -> dict[str, float | None]:
    path = results / "metrics" / name / f"{mesh}.json"
    found: dict[str, float | None] = json.loads(path.read_text())["metrics"]
    return found


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
    groups = {"train": SPLIT["train"], "held_out": SPLIT["validation"] + SPLIT["test"]}
    measures = ("f_score_0.01", "chamfer_l1", "iou", "normal_consistency")
    for group, heads in groups.items():
        for name in (*ORACLES, *ORACLES.values()):
            for measure in measures:
                values = [_metrics(results, name, head)[measure] for head in heads]
                expected = statistics.fmean(value for value in values if value is not None)
                value, shown = cells[group, name, measure]
                assert value == pytest.approx(expected)
                assert float(shown) == pytest.approx(expected, abs=1e-3)
    assert cells["held_out", "vae-binary", "latent_bytes_stored"][0] == 20_002.5


def test_verdict_ratio_is_that_of_the_means(results: Path, html: str) -> None:
    heads = SPLIT["train"]
    arm, oracle = (
        statistics.fmean(_metrics(results, name, head)["f_score_0.01"] or 0.0 for head in heads)
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
    with _summary(results).open(newline="") as stream:
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
    iou = _metrics(results, "ae-surface", "ada")["iou"]
    assert float(found["ae-surface", "ada"]["iou"]) == iou


def test_charts_hold_every_column_with_validation_beside_training(html: str) -> None:
    text = re.search(r'<script type="application/json" id="figures">(.*?)</script>', html, re.S)
    assert text is not None
    figures = {figure["id"]: figure for figure in json.loads(text[1])}
    terms = ("loss", "coverage", "kl", "gradient_norm", "learning_rate", "kl_weight")
    assert list(figures) == ["scores", *(f"curve-{term}" for term in terms)]
    names = [trace["name"] for trace in figures["curve-loss"]["traces"]]
    assert names == ["vae-binary", "vae-binary, validation", "ae-surface", "ae-surface, validation"]
    assert [trace["name"] for trace in figures["curve-kl"]["traces"]] == ["vae-binary"]
    assert figures["curve-kl"]["layout"]["yaxis"]["type"] == "log"
    assert figures["curve-learning_rate"]["layout"]["yaxis"]["type"] == "linear"
    colours = {trace["line"]["color"] for trace in figures["curve-loss"]["traces"]}
    assert len(colours) == 2


def test_manifest_holds(results: Path) -> None:
    manifest = manifest_path(_page(results))
    assert manifest.name == "index.json"
    assert mismatches(manifest) == []


def test_same_results_give_the_same_page(results: Path, html: str, tmp_path: Path) -> None:
    report.run(results, tmp_path / "index.html", tmp_path / "summary.csv", SPEC)
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == html
    assert (tmp_path / "summary.csv").read_text() == _summary(results).read_text()


@pytest.mark.parametrize(
    "missing", ["metrics/ae-surface/ada.json", "models/vae-binary/history.csv", "meshes/dora.ply"]
)
def test_a_missing_file_is_named_in_one_line(results: Path, tmp_path: Path, missing: str) -> None:
    hidden = (results / missing).rename(results / "hidden")
    try:
        with pytest.raises(UserError, match=re.escape(missing)) as caught:
            report.run(results, tmp_path / "index.html", tmp_path / "summary.csv", SPEC)
    finally:
        hidden.rename(results / missing)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*.html"))


def test_pictures_are_limited_and_held_out_heads_come_first() -> None:
    split = {"train": [f"t{i:02d}" for i in range(20)], "validation": ["v0"], "test": ["x0", "x1"]}
    few = Results(Path(), ReportSpec(split=split, oracles=ORACLES, config={}))
    assert shown_heads(few) == ["x0", "x1", "v0", "t00", "t01", "t02", "t03", "t04"]
    many = ReportSpec(split=split, oracles={f"arm{i}": "oracle" for i in range(20)}, config={})
    assert len(shown_heads(Results(Path(), many))) == 2
