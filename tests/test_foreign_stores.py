"""Stores from others: what they declare is checked before it is read, or believed."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.codecs import GzipCodec, ZstdCodec

from hexplane import store
from hexplane.decoding import read_own_latent
from hexplane.geometry.hexplane import Hexplane
from hexplane.model import latent_file
from hexplane.model.saved import load_model
from hexplane.plumbing.errors import UserError
from hexplane.stages import encode, extract
from support.untrained import RESOLUTION, SHAPE, untrained_model

TRANSFORM = [[0.0, 2, 0, 1], [-2, 0, 0, 0], [0, 0, 2, 7], [0, 0, 0, 1]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained_model(tmp_path_factory.mktemp("own") / "model")


def latent(path: Path, model: Path, values: Any = None, transform: Any = TRANSFORM) -> Path:
    if values is None:
        values = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    own = load_model(model).weights_hash
    store.write_latent(path, values, model=own, source_to_canonical=transform, packed_bytes=3)
    return path


def refused(read: Callable[[], object]) -> str:
    started = time.monotonic()
    with pytest.raises(UserError) as caught:
        read()
    assert time.monotonic() - started < 5
    assert "\n" not in str(caught.value)
    return str(caught.value)


def declare(path: Path, array: str, **changes: Any) -> None:
    """Change what an array says of itself."""
    file = path / array / "zarr.json"
    about = json.loads(file.read_text())
    for key, value in changes.items():
        about[key] = value
    file.write_text(json.dumps(about))


def chunked(shape: list[int], chunk: list[int]) -> dict[str, Any]:
    grid = {"name": "regular", "configuration": {"chunk_shape": chunk}}
    return {"shape": shape, "chunk_grid": grid}


def test_a_sound_latent_is_read(tmp_path: Path, model: Path) -> None:
    path = latent(tmp_path / "a.zarr", model)
    values, transform = read_own_latent(path, load_model(model), model)
    assert values.shape == SHAPE
    np.testing.assert_array_equal(transform, TRANSFORM)


@pytest.mark.parametrize(
    "shape", [[6, 4, 10**6, 10**6], [6, 2, 8, 8], [6, 3, 4, 4], [6, 2, 4], [192]]
)
@pytest.mark.parametrize("whole", [True, False])
def test_a_latent_of_another_shape(
    tmp_path: Path, model: Path, shape: list[int], whole: bool
) -> None:
    path = latent(tmp_path / "a.zarr", model)
    chunk = shape if whole else [1, *shape[1:]]
    declare(path, "latent", **chunked(shape, chunk))
    for stage in (lambda: extract.run(path, tmp_path / "m.ply", model=model),):
        assert refused(stage) == (
            f"{path}: 'latent' has the shape {shape} (allowed: {list(SHAPE)})"
        )
    assert not (tmp_path / "m.ply").exists()
    if shape[-1] == 10**6:
        assert "is no chunk of" in refused(lambda: store.latent_bytes(path)) or not whole


@pytest.mark.parametrize(
    "changes",
    [
        {"data_type": "float64"},
        {"data_type": "int8"},
        {"data_type": {"name": "numpy.datetime64"}},
        chunked([6, 2, 4, 4], [1, 1, 1, 1]),
        chunked([6, 2, 4, 4], [10**9, 2, 4, 4]),
        {"shape": [6, 2, 4, -4]},
        {"shape": [6, 2, 4, 4.0]},
        {"shape": "6244"},
        {"shape": []},
        {"codecs": []},
        {"codecs": [{"name": "bytes", "configuration": {"endian": "big"}}, {"name": "zstd"}]},
        {"codecs": [{"name": "sharding_indexed"}]},
        {"zarr_format": 2},
        {"node_type": "group"},
        {"chunk_key_encoding": {"name": "v2", "configuration": {"separator": "."}}},
        {"storage_transformers": [{"name": "x"}]},
    ],
)
def test_an_array_that_is_laid_out_otherwise(
    tmp_path: Path, model: Path, changes: dict[str, Any]
) -> None:
    path = latent(tmp_path / "a.zarr", model)
    declare(path, "latent", **changes)
    said = refused(lambda: read_own_latent(path, load_model(model), model))
    assert said.startswith(f"{path}: 'latent' is not laid out as hexplane writes it")


@pytest.mark.parametrize("codec", [GzipCodec(), None])
def test_other_compression_is_refused_by_name(tmp_path: Path, codec: Any) -> None:
    group = zarr.create_group(tmp_path / "a.zarr", zarr_format=3)
    array = group.create_array("latent", shape=SHAPE, dtype="f4", chunks=SHAPE, compressors=codec)
    array[...] = 1.0
    said = refused(lambda: store.read_latent(tmp_path / "a.zarr", SHAPE))
    assert said.endswith("(allowed: float32, in chunks of whole views or of all values, Zstd)")


def test_a_chunk_that_unpacks_to_more_than_it_should(tmp_path: Path, model: Path) -> None:
    path = latent(tmp_path / "a.zarr", model)
    # 256 MB of zeros in a few kilobytes, in place of the latent's 768 bytes.
    bomb = zarr.create_array(
        tmp_path / "bomb.zarr", shape=(2**26,), dtype="f4", chunks=(2**26,),
        compressors=ZstdCodec(level=3), config={"write_empty_chunks": True},
    )  # fmt: skip
    bomb[...] = 0.0
    packed = (tmp_path / "bomb.zarr/c/0").read_bytes()
    assert len(packed) < 100_000
    (path / "latent/c/0/0/0/0").write_bytes(packed)
    said = refused(lambda: read_own_latent(path, load_model(model), model))
    assert said == f"{path}: damaged Zarr store (latent/c/0/0/0/0 is no chunk of 768 bytes)"


def test_a_pipe_in_place_of_a_chunk_does_not_hang(tmp_path: Path, model: Path) -> None:
    path = latent(tmp_path / "a.zarr", model)
    chunk = path / "latent/c/0/0/0/0"
    chunk.unlink()
    os.mkfifo(chunk)
    said = refused(lambda: read_own_latent(path, load_model(model), model))
    assert said == f"{path}: a chunk of 'latent' is missing (latent/c/0/0/0/0)"
    (path / "zarr.json").unlink()
    os.mkfifo(path / "zarr.json")
    assert "zarr.json: not a file" in refused(lambda: store.read_attributes(path))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_latent_that_is_not_finite(tmp_path: Path, model: Path, value: float) -> None:
    values = np.zeros(SHAPE, np.float32)
    values[3, 1, 2, 2] = value
    path = latent(tmp_path / "a.zarr", model, values)
    said = refused(lambda: extract.run(path, tmp_path / "m.ply", model=model))
    assert said == f"{path}: 'latent' holds NaN or infinity (allowed: finite numbers)"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_latent_file_that_is_not_finite(tmp_path: Path, model: Path, value: float) -> None:
    values = np.zeros(SHAPE, "<f4")
    values[3, 1, 2, 2] = value
    path = tmp_path / "a.hxl"
    own = load_model(model).weights_hash
    path.write_bytes(latent_file.pack(own, None, [values.tobytes()]))
    said = refused(lambda: extract.run(path, tmp_path / "m.ply", model=model))
    assert said == f"{path}: holds NaN or infinity (allowed: finite numbers)"


def test_a_diverged_networks_latent_is_a_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    model = untrained_model(tmp_path / "model", finite=False)
    weights = load_file(model / "model.safetensors")
    save_file(
        {name: torch.full_like(own, torch.nan) for name, own in weights.items()},
        model / "model.safetensors",
    )
    path = latent(tmp_path / "a.zarr", model, np.full(SHAPE, np.nan, np.float32))
    extract.run(path, tmp_path / "m.ply", model=model)
    assert json.loads((tmp_path / "m.json").read_text())["empty"] is True
    # Not without a word.
    said = capsys.readouterr().err
    assert said == (f"{tmp_path / 'm.ply'}: empty, as the field (0 to 0) never crosses 0.5\n")


BAD_TRANSFORMS: list[Any] = [
    np.zeros((4, 4)).tolist(),
    [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]],
    [[2, 0, 0, 0], [0, 3, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]],
    [[-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
    [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]],
    [[1, 0, 0, 1e400], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
    [["a", 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
    [[[1]], 0],
    "identity",
    7,
    {},
]


@pytest.mark.parametrize("number", range(len(BAD_TRANSFORMS)))
def test_a_transform_that_is_none(tmp_path: Path, model: Path, number: int) -> None:
    path = latent(tmp_path / "a.zarr", model)
    text = (path / "zarr.json").read_text()
    about = json.loads(text)
    about["attributes"]["source_to_canonical"] = BAD_TRANSFORMS[number]
    (path / "zarr.json").write_text(json.dumps(about))
    said = refused(lambda: extract.run(path, tmp_path / "m.ply", model=model))
    assert said == (
        f"{path}: source_to_canonical is no transform "
        "(allowed: 4 x 4 numbers that turn, scale and move)"
        if "Infinity" not in json.dumps(BAD_TRANSFORMS[number])
        else f"{path / 'zarr.json'}: not readable as JSON"
    )


def test_transforms_of_far_and_small_and_large_heads_are_taken() -> None:
    from hexplane.geometry import frame

    rng = np.random.default_rng(1)
    for up in ("y", "z"):
        for size in (1e-9, 0.2, 1e12):
            points = rng.normal(size=(50, 3)) * size + size * np.array([2e6, 5e6, 300])
            transform = frame.canonical_transform(points, up)
            read = frame.checked_transform(json.loads(json.dumps(transform.tolist())), "a")
            np.testing.assert_array_equal(read, transform)


# Hexplanes


def hexplane(path: Path, change: Callable[[Hexplane], None] = lambda _: None) -> Path:
    rng = np.random.default_rng(0)
    views = Hexplane(
        rng.uniform(size=(6, RESOLUTION, RESOLUTION)).astype(np.float32),
        rng.normal(size=(6, 3, RESOLUTION, RESOLUTION)).astype(np.float32),
    )
    change(views)
    store.write_hexplane(path, views, TRANSFORM)
    return path


def test_a_sound_hexplane_is_encoded(tmp_path: Path, model: Path) -> None:
    made = encode.run(hexplane(tmp_path / "a.zarr"), tmp_path / "latent.zarr", model=model)
    assert store.read_latent(made, SHAPE).shape == SHAPE


def spoil(name: str, value: float) -> Callable[[Hexplane], None]:
    def change(views: Hexplane) -> None:
        getattr(views, name)[2, ..., 5] = value

    return change


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("depth", np.nan, "'depth' holds NaN or infinity (allowed: finite numbers)"),
        ("normal", np.inf, "'normal' holds NaN or infinity (allowed: finite numbers)"),
        ("depth", 1.5, "'depth' reaches out of the cube (allowed: 0 to 1)"),
        ("depth", -0.1, "'depth' reaches out of the cube (allowed: 0 to 1)"),
    ],
)
def test_values_that_no_view_has(
    tmp_path: Path, model: Path, name: str, value: float, says: str
) -> None:
    path = hexplane(tmp_path / "a.zarr", spoil(name, value))
    assert refused(lambda: encode.run(path, model=model)) == f"{path}: {says}"


@pytest.mark.parametrize(
    ("array", "shape", "says"),
    [
        ("depth", [6, 10**6, 10**6], "(allowed: at most 2048 for R)"),
        ("depth", [6, 16, 8], "(allowed: [6, 16, 16])"),
        ("depth", [5, 16, 16], "(allowed: [6, R, R])"),
        ("normal", [6, 3, 8, 8], "(allowed: [6, 3, 16, 16])"),
        ("normal", [6, 1, 16, 16], "(allowed: [6, 3, 16, 16])"),
    ],
)
def test_a_hexplane_of_another_shape(
    tmp_path: Path, model: Path, array: str, shape: list[int], says: str
) -> None:
    path = hexplane(tmp_path / "a.zarr")
    declare(path, array, **chunked(shape, [1, *shape[1:]]))
    for read in (lambda: encode.run(path, model=model), lambda: store.resolution_of(path)):
        assert refused(read) == f"{path}: {array!r} has the shape {shape} {says}"


def test_samples_of_another_shape(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    store.write_samples(path, np.zeros((5, 3), "f4"), np.zeros(5, "f4"))
    assert store.samples_of(path) == 5
    declare(path, "distance", **chunked([6], [6]))
    assert refused(lambda: store.samples_of(path)).endswith("has the shape [6] (allowed: [5])")
    declare(path, "points", **chunked([10**12, 3], [10**12, 3]))
    said = refused(lambda: store.read_samples(path))
    assert said.endswith("(allowed: at most 20000000 for N)")


def test_decoded_views_of_another_shape(tmp_path: Path) -> None:
    path = tmp_path / "d.zarr"
    store.write_decoded(path, {"coverage": np.full((6, 8, 8), np.nan, np.float32)})
    assert np.isnan(store.read_decoded(path)["coverage"]).all()  # a diverged network's
    declare(path, "coverage", **chunked([6, 10**6, 10**6], [6, 10**6, 10**6]))
    assert "at most 2048" in refused(lambda: store.read_decoded(path))
