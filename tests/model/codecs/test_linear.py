"""The linear codec: exact on what its components span, and as small as it is told to be."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from hexplane.geometry.features import network_input
from hexplane.geometry.hexplane import Hexplane
from hexplane.geometry.implicit import signed_distance_of
from hexplane.model import latent_file
from hexplane.model.codec import Codec
from hexplane.model.codecs import build_codec
from hexplane.model.codecs.linear import hexplane_of
from hexplane.model.codecs.losses import SDF_TRUNCATION
from hexplane.model.saved import load_model
from hexplane.model.settings import CodecSettings
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import write_json
from hexplane.rendering.embree import EmbreeRenderer
from support.project import bump

GRID = 32


def built(**model: Any) -> Codec:
    own = {"kind": "linear", "grid": GRID, "components": 24, **model}
    return build_codec(CodecSettings.model_validate({"model": own}), 64)


def shape(seed: int) -> Hexplane:
    mesh = bump(seed)
    mesh.apply_scale(0.6)
    return EmbreeRenderer().render(mesh, 64)


@pytest.fixture(scope="module")
def shapes() -> list[Hexplane]:
    return [shape(seed) for seed in range(8)]


@pytest.fixture(scope="module")
def codec(shapes: list[Hexplane]) -> Codec:
    codec = built(step=0.005)
    codec.fit(codec.field_of(hexplane) for hexplane in shapes)
    return codec


def views(hexplane: Hexplane) -> torch.Tensor:
    return torch.from_numpy(network_input(hexplane, "depth_normal"))[None]


def test_heads_that_were_fitted_come_back(codec: Codec, shapes: list[Hexplane]):
    for hexplane in shapes[:3]:
        truth = signed_distance_of(hexplane, GRID, SDF_TRUNCATION)
        made = codec.decode(codec.encode(views(hexplane)))[0].numpy()
        near = np.abs(truth) < 0.05
        assert np.abs(made - truth)[near].mean() < 0.002


def test_so_do_their_mirror_images(codec: Codec, shapes: list[Hexplane]):
    truth = signed_distance_of(shapes[0], GRID, SDF_TRUNCATION)[::-1]
    flat = torch.from_numpy(truth.copy().ravel())[codec.voxels.long()]
    own = codec.components.T.astype(np.float64)
    centred = flat.numpy() - codec.mean[codec.voxels.long()].numpy()
    left = centred - np.linalg.lstsq(own.T, centred, rcond=None)[0] @ own
    assert np.linalg.norm(left) < 0.1 * np.linalg.norm(centred)


def test_components_are_orthonormal(codec: Codec):
    product = codec.components.T @ codec.components
    kept = int((codec.scale > 0).sum())
    assert kept == 2 * 8 - 1
    np.testing.assert_allclose(product[:kept, :kept], np.eye(kept), atol=0.03)


def test_integers_survive_their_code(codec: Codec):
    rng = np.random.default_rng(0)
    for octave in (0, 1, 3):
        integers = rng.normal(size=24) * codec.bottleneck.deviation.numpy()
        integers = np.round(integers / 2**octave) * 2**octave
        integers[0] += 50_000 * 2**octave  # beyond every table
        for pose in (np.zeros(12), rng.integers(-32768, 32768, 12)):
            latent = torch.from_numpy(np.concatenate([integers, pose]).astype(np.float32))
            assert torch.equal(codec.from_layers(codec.layers(latent)), latent)
    zero = torch.zeros(24 + 12)
    assert torch.equal(codec.from_layers(codec.layers(zero)), zero)
    with pytest.raises(ValueError):
        codec.from_layers([b"\xff" + codec.layers(zero)[0][1:]])


def test_smaller_files_err_more_and_fit(codec: Codec):
    unseen = shape(20)
    truth = signed_distance_of(unseen, GRID, SDF_TRUNCATION)
    near = np.abs(truth) < 0.05
    errors, sizes = [], []
    for most in (200, 32, 24):
        latent = codec.within(codec.solve(views(unseen)), most)
        sizes.append(len(codec.layers(latent[0])[0]) + latent_file.LAYER_BYTES)
        assert sizes[-1] <= most
        errors.append(np.square(codec.decode(latent)[0].numpy() - truth)[near].mean())
    assert errors == sorted(errors) and errors[0] < errors[-1]
    with pytest.raises(UserError, match="no latent of this codec fits 3 bytes"):
        codec.within(codec.solve(views(unseen)), 3)


def test_distances_are_trilinear_in_the_field(codec: Codec):
    latent = codec.encode(views(shape(1)))
    field = codec.decode(latent)
    axis = torch.from_numpy(np.asarray((np.arange(GRID) + 0.5) / GRID * 2 - 1)).float()
    points = torch.stack([axis[[3, 9, 20]], axis[[5, 5, 11]], axis[[7, 30, 16]]], dim=-1)
    found = codec.signed_distance(field, points[None])[0]
    torch.testing.assert_close(found, field[0, [3, 9, 20], [5, 5, 11], [7, 30, 16]])


def test_draws_have_the_spread_of_the_heads(codec: Codec):
    whole = codec.bottleneck.draw(torch.Size([4000, 36]), torch.Generator().manual_seed(0))
    drawn = whole[:, :24]
    deviation = codec.bottleneck.deviation
    wide = deviation > 2
    torch.testing.assert_close(drawn.std(0)[wide], deviation[wide], rtol=0.05, atol=0)
    assert not drawn[:, deviation == 0].any() and not whole[:, 24:].any()


def test_it_is_saved_and_read(codec: Codec, tmp_path: Path):
    weights = {name: own.contiguous() for name, own in codec.state_dict().items()}
    save_file(weights, tmp_path / "model.safetensors")
    model = {"kind": "linear", "grid": GRID, "components": 24, "step": 0.005}
    spec = {"features": "depth_normal", "model": model}
    write_json(tmp_path / "config.json", {"spec": spec, "resolution": 64, "train": ["a"]})
    saved = load_model(tmp_path)
    own, read = (one.encode(views(shape(2))) for one in (codec, saved.codec))
    assert torch.equal(own, read)
    assert torch.equal(codec.decode(own), saved.codec.decode(read))


def test_silhouettes_are_a_field_too(shapes: list[Hexplane]):
    mask = hexplane_of(network_input(shapes[0], "occupancy"), "occupancy")
    assert np.array_equal(mask.occupancy, shapes[0].occupancy)
    settings = {"features": "occupancy", "model": {"kind": "linear", "grid": GRID}}
    codec = build_codec(CodecSettings.model_validate(settings), 64)
    codec.fit(codec.field_of(hexplane) for hexplane in shapes)
    latent = codec.encode(torch.from_numpy(network_input(shapes[0], "occupancy"))[None])
    made, truth = codec.decode(latent)[0].numpy(), codec.field_of(shapes[0])
    assert np.abs(made - truth)[np.abs(truth) < 0.05].mean() < 0.005
