"""Arms and rivals over file sizes, in the table and on the page, from a fabricated run."""

import csv
import json
import re
import statistics
from pathlib import Path

import pytest

from hexplane.analysis.rates import families, within
from hexplane.analysis.study import Study
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.manifests import mismatches
from hexplane.report.pictures.rates import at_sizes
from hexplane.results import Results
from hexplane.stages import report
from support.reporting import (
    BUDGETS,
    GENERATED,
    HEADS,
    ORACLES,
    RATED,
    SPEC,
    THRESHOLDS,
    elsewhere,
    fabricate,
    fabricate_rates,
)

pytestmark = pytest.mark.usefixtures("small_pictures")
SIZED = SPEC.model_copy(update={"budgets": BUDGETS, "rated": RATED})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, small_pictures: None) -> Path:
    folder = tmp_path_factory.mktemp("run") / "results"
    fabricate(folder)
    fabricate_rates(folder)
    page, summary, runs = elsewhere(folder / "report")
    table = folder / "metrics/rates.csv"
    report.run(folder, page, summary, runs, SIZED, rates=table)
    return folder


@pytest.fixture(scope="module")
def results(folder: Path) -> Results:
    return Results(folder, SIZED)


@pytest.fixture(scope="module")
def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics/rates.csv").open() as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    return (folder / "report/index.html").read_text(encoding="utf-8")


def test_the_table_has_each_file_once(rows: list[dict[str, str]]) -> None:
    found = [(row["method"], row["mesh"], int(row["bytes"])) for row in rows]
    expected = [("vae-binary", mesh, 100) for mesh in HEADS]
    expected += [("ae-surface", mesh, size) for mesh in HEADS for size in (60, 900)]
    expected += [("draco", mesh, base + i) for i, mesh in enumerate(HEADS) for base in (500, 4000)]
    expected += [("draco", HEADS[-1], 120), *(("mean", mesh, 0) for mesh in HEADS)]
    expected += [("parameters", mesh, 50) for mesh in GENERATED]
    assert sorted(found) == sorted(expected)
    assert set(rows[0]) >= {"split", "budget", "chamfer_l1", "encode_seconds", "decode_seconds"}
    assert set(rows[0]) >= {f"f_score_{threshold:g}" for threshold in THRESHOLDS}


def test_cells_say_what_is_infinite_and_what_is_not_there(rows: list[dict[str, str]]) -> None:
    by_name = {(row["method"], row["mesh"], row["bytes"]): row for row in rows}
    assert by_name["vae-binary", "dora", "100"]["chamfer_l1"] == "inf"
    assert float(by_name["ae-surface", "dora", "900"]["chamfer_l1"]) == 1 / 900
    assert by_name["ae-surface", "ada", "60"]["decoder_bytes"] == "1234"
    assert by_name["ae-surface", "ada", "60"]["fit_seconds"] == "75.5"
    assert by_name["draco", "ada", "500"]["decoder_bytes"] == ""
    assert by_name["mean", "ada", "0"]["encode_seconds"] == ""
    assert by_name["mean", "ada", "0"]["split"] == "train"
    assert by_name["parameters", "ada", "50"]["decoder_bytes"] == "3000000"
    assert by_name["parameters", "ada", "50"]["fit_seconds"] == ""


def test_a_level_is_the_mean_over_all_heads_of_a_family(results: Results) -> None:
    own = {family.key: family for family in families(results)}
    assert list(own) == ["test", "train", "validation"]
    train = own["train"]
    assert train.heads == ["ada", "bea"]
    levels = train.curves["draco"]
    assert [(level.budget, level.bytes) for level in levels] == [(512, 500.5), (4096, 4000.5)]
    assert levels[0].chamfer == pytest.approx(statistics.fmean([1 / 500, 1 / 501]))
    assert levels[0].f_scores[0.01] == pytest.approx(1 - levels[0].chamfer)
    assert levels[0].encode_seconds == 1.0
    # Sizes that some head's files do not fit have no mean: 128 bytes are enough for dora alone.
    assert train.at("draco", 128) is None
    assert own["test"].at("draco", 128).bytes == 120
    assert train.at("draco", 1024) == levels[0]
    assert own["test"].at("vae-binary", 4096).chamfer is None


def test_a_family_has_no_row_of_what_was_not_measured_on_all_of_it(results: Results) -> None:
    own = {family.key: family.curves for family in families(results)}
    assert own["train"]["parameters"][0].bytes == 50
    assert "parameters" not in own["test"]  # none of its heads was generated
    assert all("draco" in curves and "mean" in curves for curves in own.values())


def test_the_file_within_a_size_is_the_largest_that_fits(results: Results) -> None:
    points = results.rate_points["ae-surface", "ada"]
    assert within(points, 63) is None
    assert [within(points, size).bytes for size in (64, 1023, 1024, 9999)] == [60, 60, 900, 900]


def test_charts_show_each_method_where_it_is(html: str) -> None:
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', html, re.S)
    assert found is not None
    charts = {own["id"]: own for own in json.loads(found[1])}
    traces = {own["name"]: own for own in charts["rates-train"]["traces"]}
    assert traces["ae-surface"]["x"] == [60, 900]
    assert traces["ae-surface"]["y"] == pytest.approx([1 / 60, 1 / 900])
    assert traces["mean"]["y"] == pytest.approx([0.03, 0.03])
    assert traces["mean"]["x"] == [50, 4000.5]
    layout = charts["rates-train"]["layout"]
    assert layout["xaxis"]["type"] == layout["yaxis"]["type"] == "log"
    # The arm whose test head is empty is infinitely far from it.
    assert "vae-binary" not in {own["name"] for own in charts["rates-test"]["traces"]}
    for name in charts:
        assert f'id="chart-{name}"' in html


def test_the_page_has_the_numbers_of_the_table(html: str, results: Results) -> None:
    (test, *_) = families(results)
    cells = re.findall(
        r'data-family="test" data-method="([\w-]+)" data-budget="(\d+)" data-chamfer="([^"]+)"',
        html,
    )
    assert len(cells) == 4 * 3  # four methods at three sizes, but for one that fits none
    for method, budget, chamfer in cells:
        level = test.at(method, int(budget))
        assert chamfer == ("inf" if level.chamfer is None else str(level.chamfer))
    assert "1.23 kB" in html  # of the decoders


def test_pictures_are_of_the_first_test_head_at_equal_bytes(results: Results) -> None:
    shown = at_sizes(Study(results))
    assert shown is not None and shown.mesh == "dora"
    assert [row.budget for row in shown.rows] == [128, 1024, 4096]
    for row in shown.rows:
        names = [card.name for card in row.cards]
        assert names == ["original", *ORACLES, "draco"]
        for card in row.cards[2:]:
            size = within(results.rate_points[card.name, "dora"], row.budget).bytes
            assert card.caption.startswith(f"{size} B" if size < 1000 else f"{size / 1000:.3g} kB")
            assert card.picture is not None
        assert row.cards[1].picture is None and "∞" in row.cards[1].caption


def test_nothing_of_it_is_there_without_sizes(folder: Path, tmp_path: Path) -> None:
    places = elsewhere(tmp_path / "report")
    report.run(folder, *places, SPEC)
    page = places[0].read_text(encoding="utf-8")
    seen = re.sub("<script.*?</script>", "", page, flags=re.S)  # the 3-D library knows Draco, too
    for word in ('id="rates"', '"#rates"', "chart-rates-", "draco", "Draco"):
        assert word not in seen


def test_the_report_stands_for_all_that_it_read(folder: Path) -> None:
    manifest = json.loads((folder / "report/index.json").read_text())
    assert {f"rates/draco/{mesh}.json" for mesh in HEADS} <= set(manifest["inputs"])
    assert "metrics/rates.csv" in manifest["tables"]
    assert mismatches(folder / "report/index.json") == []


def test_a_damaged_file_of_points_is_named(folder: Path, tmp_path: Path) -> None:
    path = folder / "rates/draco/ada.json"
    before = path.read_text()
    try:
        path.write_text(before.replace('"budget"', '"bugdet"'))
        with pytest.raises(UserError, match=r"rates/draco/ada\.json: no points over file sizes"):
            Results(folder, SIZED).rate_points  # noqa: B018
    finally:
        path.write_text(before)
