"""Arms and rivals over file sizes: files are as small as told, and better the larger they are."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from hexplane.geometry.meshes import normalise
from hexplane.metrics.comparison import compare
from hexplane.model.latent_file import LAYER_BYTES
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import write_json
from hexplane.plumbing.manifests import mismatches
from hexplane.settings.distances import DistancesSettings
from hexplane.settings.evaluate import EvaluateSettings
from hexplane.settings.extract import ExtractSettings
from hexplane.settings.rates import MeasuredSettings, RatesSettings, shown
from hexplane.settings.render import RenderSettings
from hexplane.settings.train import TrainSettings
from hexplane.stages import distances, draco, encode, evaluate, extract, mean, rates, render, train
from support.project import bump

BUDGETS = (8, 20, 22, 24, 28, 64, 128, 256, 1024, 4096)
MEASURED = {"samples": 2000, "thresholds": (0.01, 0.05), "budgets": BUDGETS}
SETTINGS = RatesSettings(**MEASURED, resolution=32, field="sdf")
LINEAR = {
    "features": "depth_normal",
    "model": {"kind": "linear", "grid": 32, "components": 8, "step": 0.0005},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four shapes, of which three are trained on."""
    folder = tmp_path_factory.mktemp("rates")
    for seed, name in enumerate("abcd"):
        mesh = folder / f"{name}.ply"
        normalise(bump(seed), "y")[0].export(mesh)
        render.run(mesh, folder / f"hexplanes/{name}.zarr", RenderSettings(resolution=32))
    write_json(folder / "split.json", {"train": list("abc"), "validation": [], "test": ["d"]})
    settings = TrainSettings.model_validate(LINEAR)
    places = {"hexplanes": folder / "hexplanes", "state": folder / "state"}
    train.run(folder / "model", folder / "split.json", settings, **places)
    return folder


def read(path: Path) -> dict[str, Any]:
    assert mismatches(path) == []
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def linear(folder: Path) -> list[dict[str, Any]]:
    output = folder / "linear/a.json"
    rates.run(folder / "hexplanes/a.zarr", folder / "a.ply", folder / "model", output, SETTINGS)
    return read(output)["points"]


@pytest.fixture(scope="module")
def drawn(folder: Path) -> list[dict[str, Any]]:
    draco.run(folder / "a.ply", folder / "draco/a.json", MeasuredSettings(**MEASURED))
    return read(folder / "draco/a.json")["points"]


@pytest.mark.parametrize("method", ["linear", "drawn"])
def test_files_fit_and_grow(method: str, request: pytest.FixtureRequest):
    points = request.getfixturevalue(method)
    sizes = [own["bytes"] for own in points]
    assert len(points) >= 2 and points[0]["budget"] > BUDGETS[0]
    assert all(own["bytes"] <= own["budget"] for own in points)
    assert sizes == sorted(set(sizes))
    slack = {"linear": LAYER_BYTES - 5, "drawn": 0}[method]  # a short layer's own cost is 5 bytes
    for own in points:  # no smaller budget takes the file
        assert all(own["bytes"] > less - slack for less in BUDGETS if less < own["budget"])
        assert own["encode_seconds"] > 0 and own["decode_seconds"] >= 0


def test_more_bytes_are_never_worse_in_dracos_code(drawn: list[dict[str, Any]]):
    errors = [own["metrics"]["chamfer_l1"] for own in drawn]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 10


def test_more_bytes_bring_a_head_that_was_fitted_back(linear: list[dict[str, Any]]):
    errors = [own["metrics"]["chamfer_l1"] for own in linear]
    assert errors[-1] < errors[0] and errors[-1] < 0.01


def test_a_point_is_what_the_file_of_its_size_decodes_to(
    folder: Path, linear: list[dict[str, Any]]
):
    last = linear[-1]
    file = folder / "a.hxl"
    source = folder / "hexplanes/a.zarr"
    encode.run(source, file, model=folder / "model", max_bytes=last["budget"], force=True)
    assert file.stat().st_size == last["bytes"]
    chosen = {name: getattr(SETTINGS, name) for name in ("resolution", "level", "islands", "field")}
    extract.run(
        file,
        folder / "decoded.ply",
        ExtractSettings(**chosen),
        model=folder / "model",
        canonical=True,
        force=True,
    )
    made, truth = (trimesh.load_mesh(folder / name) for name in ("decoded.ply", "a.ply"))
    again = compare(made, truth, 2000, (0.01, 0.05), 0)
    assert again["chamfer_l1"] == pytest.approx(last["metrics"]["chamfer_l1"], rel=1e-3)


@pytest.mark.parametrize("method", ["linear", "drawn"])
def test_meshes_lie_at_the_sizes_that_are_shown(
    folder: Path, method: str, request: pytest.FixtureRequest
):
    points = request.getfixturevalue(method)
    place = folder / {"linear": "linear", "drawn": "draco"}[method]
    truth = trimesh.load_mesh(folder / "a.ply")
    for budget in shown(BUDGETS):
        (last,) = [own for own in points if own["budget"] <= budget][-1:] or [None]
        mesh = trimesh.load_mesh(place / f"a.{budget}.ply", process=False)
        found = compare(mesh, truth, 2000, (0.01,), 0)["chamfer_l1"]
        assert found == pytest.approx(last["metrics"]["chamfer_l1"], rel=1e-3)


def test_a_codec_of_one_rate_has_one_point(folder: Path, tmp_path: Path):
    spec = {"features": "depth_normal", "bottleneck": {"kind": "fsq"}}
    tiny = {"widths": [8], "encoder_blocks": 0, "decoder_blocks": 0, "latent_channels": 2}
    tiny |= {"latent_resolution": 4, "field_channels": 4, "field_width": 8}
    settings = TrainSettings.model_validate(
        {**spec, "model": tiny, "training": {"steps": 1, "sdf_weight": 0}}
    )
    write_json(tmp_path / "split.json", {"train": ["a"], "validation": []})
    distances.run(folder / "a.ply", tmp_path / "sdf/a.zarr", DistancesSettings(near=9, uniform=9))
    places = {"hexplanes": folder / "hexplanes", "sdf": tmp_path / "sdf", "state": tmp_path / "s"}
    train.run(tmp_path / "model", tmp_path / "split.json", settings, **places)
    output = tmp_path / "points.json"
    views = folder / "hexplanes/a.zarr"
    rates.run(views, folder / "a.ply", tmp_path / "model", output, SETTINGS)
    (point,) = read(output)["points"]
    assert point["bytes"] <= point["budget"] and point["budget"] in BUDGETS


def test_views_of_another_resolution_are_one_line(folder: Path, tmp_path: Path):
    views = tmp_path / "a.zarr"
    render.run(folder / "a.ply", views, RenderSettings(resolution=64))
    with pytest.raises(UserError, match=r"^resolution 64, but the model was trained at 32$"):
        rates.run(views, folder / "a.ply", folder / "model", tmp_path / "x.json", SETTINGS)
    assert not list(tmp_path.glob("x*"))


def test_the_mean_of_equal_heads_is_the_head(folder: Path, tmp_path: Path):
    write_json(tmp_path / "split.json", {"train": ["a"], "validation": []})
    mean.run(tmp_path / "mean.ply", tmp_path / "split.json", hexplanes=folder / "hexplanes")
    settings = EvaluateSettings(samples=2000)
    scores = evaluate.run(
        tmp_path / "mean.ply", folder / "a.ply", tmp_path / "scores.json", settings
    )
    assert scores["chamfer_l1"] < 0.01 and scores["watertight"]


def test_the_mean_of_several_lies_between_them(folder: Path, tmp_path: Path):
    mean.run(tmp_path / "mean.ply", folder / "split.json", hexplanes=folder / "hexplanes")
    volumes = [trimesh.load_mesh(folder / f"{name}.ply").volume for name in "abc"]
    volume = trimesh.load_mesh(tmp_path / "mean.ply").volume
    assert min(volumes) < volume < max(volumes)
    assert read(tmp_path / "mean.json")["inputs"].keys() == {f"hexplane/{name}" for name in "abc"}


def test_the_mean_leaves_out_what_hardly_moves_it(folder: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(mean, "AVERAGED", 2)
    mean.run(tmp_path / "mean.ply", folder / "split.json", hexplanes=folder / "hexplanes")
    assert read(tmp_path / "mean.json")["inputs"].keys() == {"hexplane/a", "hexplane/b"}


def test_budgets_are_ascending_and_each_once():
    assert MeasuredSettings(budgets=(512, 64)).budgets == (64, 512)
    with pytest.raises(ValueError, match="64 is there twice"):
        MeasuredSettings(budgets=(64, 64))
    assert shown((64, 128, 256, 1024, 4096, 16384)) == (128, 1024, 4096)
    assert shown((200, 3000)) == (200, 3000) and shown(()) == ()
    assert np.all(np.diff(shown((100, 900, 5000))) > 0)
