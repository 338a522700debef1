"""Latent files that other machines wrote: symbols bit for bit, meshes to within a millionth.

The model is made of whole numbers and square roots, which every processor agrees on. The files in
tests/golden are made anew, by `write`, only together with a new `latent_file.VERSION`.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from hexplane.geometry.isosurface import marching_cubes
from hexplane.model import blocks, coding, latent_file
from hexplane.model.codec import Codec
from hexplane.model.codecs import build_codec
from hexplane.model.codecs.layered import LayeredCodec
from hexplane.model.codecs.linear import LinearCodec
from hexplane.model.saved import SavedModel
from hexplane.model.settings import CodecSettings
from support.latent_files import check_latent_files

GOLDEN = Path(__file__).parent.parent / "golden"
GRID, COMPONENTS = 32, 6


def whole(count: int, most: int, seed: int) -> np.ndarray:
    """Integers [count] of 0 to most - 1 (a linear congruential generator; Knuth, vol. 2)."""
    state, made = seed, []
    for _ in range(count):
        state = (1664525 * state + 1013904223) % 2**32
        made.append((state >> 8) % most)
    return np.array(made)


def table(rows: int, symbols: int, seed: int) -> torch.Tensor:
    """Cumulative tables [rows, symbols + 1] to 2^16, the middle symbols likelier."""
    weights = whole(rows * symbols, 50, seed).reshape(rows, symbols) + 1
    middle = symbols // 2
    weights[:, middle - 1 : middle + 2] += 2000
    slots = 65536 - symbols
    shares = np.cumsum(weights, axis=1) * slots // weights.sum(axis=1, keepdims=True)
    ends = shares + np.arange(1, symbols + 1)
    return torch.from_numpy(np.pad(ends, ((0, 0), (1, 0))).astype(np.int32))


def hadamard(size: int) -> np.ndarray:
    rows = np.ones((1, 1), dtype=np.int64)
    while len(rows) < size:
        rows = np.block([[rows, rows], [rows, -rows]])
    return rows


def model(kind: str) -> LinearCodec:
    """A ball with bumps of whole steps."""
    settings = {"kind": kind, "grid": GRID, "components": COMPONENTS, "step": 0.0078125}
    codec = build_codec(CodecSettings.model_validate({"model": settings}), 64)
    assert isinstance(codec, LinearCodec)
    centres = (2 * np.arange(GRID) + 1 - GRID) / GRID
    x, y, z = np.meshgrid(centres, centres, centres, indexing="ij")
    ball = np.sqrt(x * x + y * y + z * z) - 0.7
    codec.mean[: GRID**3] = torch.from_numpy(ball.clip(-0.1, 0.1).astype(np.float32).ravel())
    varying = np.flatnonzero(np.abs(ball) < 0.1)
    varying = np.concatenate([varying, np.arange(GRID**3, len(codec.mean), 7)])  # displacements
    codec.voxels = torch.from_numpy(varying.astype(np.int32))
    basis = whole(COMPONENTS * len(varying), 255, 1).reshape(COMPONENTS, -1) - 127
    codec.basis = torch.from_numpy(basis.astype(np.int8))
    codec.scale = torch.full((COMPONENTS,), 2.0**-13)
    codec.bottleneck.table = torch.arange(COMPONENTS, dtype=torch.int16)
    codec.bottleneck.slots = table(COMPONENTS, 22, 2)
    if isinstance(codec, LayeredCodec):
        codec.transform = torch.from_numpy((127 * hadamard(blocks.VALUES)).astype(np.int8))
        codec.classes = torch.from_numpy((whole(codec.places, 6, 3)).astype(np.uint8))
        for seed, name in enumerate(("used", "last", "value")):
            buffer = getattr(codec, name)
            rows, width = buffer[0, 0].shape
            own = torch.stack([table(rows, width - 1, 10 * seed + each) for each in range(12)])
            buffer.copy_(own.reshape(buffer.shape))
    return codec


def latent(codec: LinearCodec) -> torch.Tensor:
    """Integers within the tables and beyond them."""
    integers = torch.zeros(codec.latent_shape)
    integers[:COMPONENTS] = torch.tensor([3.0, -7.0, 0.0, 40.0, 1.0, -1.0])
    if isinstance(codec, LayeredCodec):
        integers[COMPONENTS : codec.base] = torch.arange(-600.0, 600.0, 100.0)  # a pose
        integers[codec.base : codec.base + 2] = torch.tensor([2.0, 1.0])
        corrections = integers[codec.base + 2 :].view(codec.places, blocks.VALUES)
        for place, where in enumerate(whole(40, codec.places, 4)):
            corrections[where, whole(3, 60, 5 + place)] = torch.tensor([1.0, -2.0, 17.0])
    return integers


def mesh_of(codec: Codec, integers: torch.Tensor) -> np.ndarray:
    field = codec.decode(integers[None])[0].numpy()
    return np.asarray(marching_cubes(field, 0.0, 1.0).vertices)


def write(kind: str) -> None:
    """The golden files of a kind."""
    codec = model(kind)
    integers = latent(codec)
    packed = latent_file.pack("c0ffee00" * 8, np.eye(4), codec.layers(integers))
    (GOLDEN / f"{kind}.hxl").write_bytes(packed)
    np.save(GOLDEN / f"{kind}.npy", mesh_of(codec, integers).astype(np.float32))


@pytest.mark.parametrize("kind", ["linear", "layered", "registered"])
def test_a_file_of_another_machine_decodes(kind: str):
    codec = model(kind)
    data = (GOLDEN / f"{kind}.hxl").read_bytes()
    read = latent_file.unpack(data, kind)
    integers = codec.from_layers(read.layers)
    assert torch.equal(integers, latent(codec))
    assert latent_file.pack("c0ffee00" * 8, np.eye(4), codec.layers(integers)) == data
    np.testing.assert_allclose(
        mesh_of(codec, integers), np.load(GOLDEN / f"{kind}.npy"), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("kind", ["linear", "layered"])
def test_altered_files_are_refused_or_some_latent(kind: str):
    codec = model(kind)
    settings = CodecSettings.model_validate({"model": {"kind": kind}})
    check_latent_files(SavedModel(codec, settings, {}, [], 64, "c0ffee00" * 8), latent(codec))


def test_the_tables_are_sound():
    made = table(3, 9, 0).numpy()
    assert (np.diff(made, axis=1) > 0).all() and (made[:, -1] == 65536).all()
    assert coding.probabilities(made.astype(np.uint32)).sum() == pytest.approx(3)
