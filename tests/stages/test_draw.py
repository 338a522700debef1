"""New heads: the seed decides them, the temperature how far they go; not every model has any."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh

import hexplane
from hexplane.decoding import read_latent_file
from hexplane.drawing import draw as drawn
from hexplane.geometry.meshes import normalise
from hexplane.model.saved import load_model
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import write_json
from hexplane.plumbing.manifests import mismatches
from hexplane.settings.draw import DrawSettings
from hexplane.settings.extract import ExtractSettings
from hexplane.settings.interpolate import InterpolateSettings
from hexplane.settings.render import RenderSettings
from hexplane.settings.train import TrainSettings
from hexplane.stages import draw, extract, interpolate, render, train
from support.project import bump
from support.untrained import untrained_model
from test_cli import run

HEADS = "abcdef"
COARSE = DrawSettings(resolution=32)
FITTED = {"grid": 32, "components": 12, "step": 0.005}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six shapes, rendered."""
    folder = tmp_path_factory.mktemp("draw")
    for seed, name in enumerate(HEADS):
        mesh = folder / f"{name}.ply"
        normalise(bump(seed), "y")[0].export(mesh)
        render.run(mesh, folder / f"hexplanes/{name}.zarr", RenderSettings(resolution=32))
    write_json(folder / "split.json", {"train": list(HEADS), "validation": [], "test": []})
    return folder


@pytest.fixture(scope="module", params=["linear", "layered"])
def model(request: pytest.FixtureRequest, folder: Path) -> Path:
    settings = TrainSettings.model_validate({"model": {"kind": request.param, **FITTED}})
    places = {"hexplanes": folder / "hexplanes", "state": folder / "state"}
    train.run(folder / request.param, folder / "split.json", settings, **places)
    return folder / request.param


def read(folder: Path) -> dict[str, Any]:
    assert mismatches(folder / "manifest.json") == []
    return json.loads((folder / "manifest.json").read_text())


def meshes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.ply"))}


def test_the_seed_decides_the_heads(model: Path, tmp_path: Path):
    for name, seed, count in (("one", 5, 3), ("again", 5, 3), ("more", 5, 4), ("other", 6, 3)):
        draw.run(tmp_path / name, COARSE, model=model, seed=seed, count=count)
    one, again, more, other = (meshes(tmp_path / own) for own in ("one", "again", "more", "other"))
    assert list(one) == ["000.ply", "001.ply", "002.ply"]
    assert one == again
    assert {name: more[name] for name in one} == one and len(more) == 4
    assert not set(one.values()) & set(other.values())
    assert len(set(one.values())) == 3


def test_a_latent_file_gives_the_mesh_of_its_number(model: Path, tmp_path: Path):
    draw.run(tmp_path / "made", DrawSettings(count=2, resolution=32), model=model)
    found = read(tmp_path / "made")
    assert found["spec"]["field"] == "sdf" and found["spec"]["count"] == 2
    assert found["inputs"] == {"model": load_model(model).weights_hash}
    for number, facts in enumerate(found["draws"]):
        name = f"{number:03d}"
        file = tmp_path / "made" / f"{name}.hxl"
        assert facts["bytes"] == file.stat().st_size and not facts["empty"]
        taken = ExtractSettings(resolution=32)
        extract.run(file, tmp_path / f"{name}.ply", taken, model=model)
        made = (tmp_path / "made" / f"{name}.ply").read_bytes()
        assert (tmp_path / f"{name}.ply").read_bytes() == made
        assert trimesh.load_mesh(tmp_path / f"{name}.ply").is_watertight


def test_a_codec_without_views_is_never_fused_unless_asked(model: Path, tmp_path: Path):
    draw.run(tmp_path / "made", COARSE, model=model, count=2)
    one, two = (tmp_path / "made" / f"{number:03d}.hxl" for number in range(2))
    interpolate.run(
        one, two, tmp_path / "line", InterpolateSettings(steps=2, resolution=32), model=model
    )
    assert meshes(tmp_path / "line") == {
        f"{number}.ply": (tmp_path / "made" / f"{number:03d}.ply").read_bytes()
        for number in range(2)
    }
    asked = ExtractSettings(field="fusion", resolution=32)
    with pytest.raises(UserError, match="fusion needs views, and this codec decodes none"):
        extract.run(one, tmp_path / "one.ply", asked, model=model)


def test_the_temperature_goes_from_the_mean_to_the_prior(model: Path):
    saved = load_model(model)
    none, half, whole = (torch.stack(drawn(saved, 40, 0, own)) for own in (0.0, 0.5, 1.0))
    assert not none.any()  # steps from the mean head
    live = whole.std(dim=0) > 3  # steps are whole
    assert live.sum() >= 3
    torch.testing.assert_close(half[:, live], whole[:, live] / 2, rtol=0, atol=0.76)
    field = saved.codec.decode(none[:1])[0].numpy().ravel()
    assert np.array_equal(field, saved.codec.mean.numpy().clip(-0.1, 0.1))


def test_python_draws_the_same(model: Path, tmp_path: Path):
    draw.run(tmp_path / "made", COARSE, model=model, count=2, seed=4)
    codec = hexplane.load(model)
    made = codec.draw(2, seed=4)
    for number, latent in enumerate(made):
        packed = (tmp_path / "made" / f"{number:03d}.hxl").read_bytes()
        np.testing.assert_array_equal(codec.unpack(packed).values, latent.values)
    with pytest.raises(UserError, match="temperature: input should be"):
        codec.draw(2, temperature=-1)


def test_the_covariance_of_draws_is_that_of_the_heads(model: Path):
    saved = load_model(model)
    deviation = saved.codec.bottleneck.deviation.numpy()
    steps = torch.stack(drawn(saved, 1500, 0, 1.0))[:, : len(deviation)].numpy()
    scaled = steps[:, deviation > 2] / deviation[deviation > 2]
    assert scaled.shape[1] >= 3
    np.testing.assert_allclose(np.cov(scaled.T), np.eye(scaled.shape[1]), atol=0.2)
    assert not steps[:, deviation == 0].any()


def _network(folder: Path, **bottleneck: Any) -> Path:
    spec = {"bottleneck": bottleneck}
    return untrained_model(folder, settings=spec)


@pytest.mark.parametrize(
    "bottleneck",
    [
        {"kind": "gaussian"},
        {"kind": "gaussian", "prior": "learned"},
        {"kind": "fsq"},
        {"kind": "fsq", "prior": "autoregressive"},
        {"kind": "noise"},
    ],
    ids=lambda own: "-".join(own.values()),
)
def test_networks_with_a_prior_draw_too(tmp_path: Path, bottleneck: dict[str, str]):
    model = _network(tmp_path / "model", **bottleneck)
    settings = DrawSettings(resolution=16, count=2)
    for name in ("one", "two"):
        draw.run(tmp_path / name, settings, model=model)
    assert meshes(tmp_path / "one") == meshes(tmp_path / "two")
    assert read(tmp_path / "one")["spec"]["field"] == "fusion"
    saved = load_model(model)
    (first, _) = drawn(saved, 2, 0, settings.temperature)
    packed = (tmp_path / "one/000.hxl").read_bytes()
    assert torch.equal(read_latent_file(packed, saved, "000.hxl")[0], first)
    cold, colder = (drawn(saved, 1, seed, 0.0)[0] for seed in (0, 1))
    assert torch.equal(cold, colder)  # no chance is left


def test_a_model_without_a_prior_is_refused_in_one_line(tmp_path: Path):
    model = _network(tmp_path / "model", kind="deterministic")
    with pytest.raises(UserError) as caught:
        draw.run(tmp_path / "made", model=model)
    assert str(caught.value) == (
        f"{model}: a model of bottleneck deterministic, which has no prior to draw from "
        "(allowed: fsq, gaussian, noise, or a model of kind layered, linear, registered)"
    )
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("count", 0, "--count: input should be greater than or equal to 1 (got 0)"),
        ("seed", -1, "--seed: input should be greater than or equal to 0 (got -1)"),
        (
            "temperature",
            float("nan"),
            "--temperature: input should be a finite number (got nan)",
        ),
    ],
)
def test_bad_options_are_one_line(tmp_path: Path, option: str, value: float, says: str):
    with pytest.raises(UserError) as caught:
        draw.run(tmp_path / "made", model=tmp_path, **{option: value})
    assert str(caught.value) == says


def test_the_command_line(model: Path, tmp_path: Path):
    options = ("--model", str(model), "--count", "2", "--seed", "3", "--temperature", "0.5")
    options += ("--spec", "{resolution: 32}")
    done = run("draw", *options, str(tmp_path / "made"))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    spec = read(tmp_path / "made")["spec"]
    assert (spec["count"], spec["seed"], spec["temperature"]) == (2, 3, 0.5)
    assert sorted(meshes(tmp_path / "made")) == ["000.ply", "001.ply"]
