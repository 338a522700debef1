"""The layered codec: more bytes, less error; cut after the components, the linear codec's field."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from hexplane.geometry.features import network_input
from hexplane.geometry.hexplane import Hexplane
from hexplane.model import latent_file
from hexplane.model.codec import Codec
from hexplane.model.codecs import build_codec
from hexplane.model.saved import load_model
from hexplane.model.settings import CodecSettings
from hexplane.plumbing.files import write_json
from hexplane.rendering.embree import EmbreeRenderer
from support.project import bump

MODEL = {"kind": "layered", "grid": 32, "components": 12, "step": 0.01}


def shape(seed: int) -> Hexplane:
    mesh = bump(seed)
    mesh.apply_scale(0.6)
    return EmbreeRenderer().render(mesh, 64)


def views(hexplane: Hexplane) -> torch.Tensor:
    return torch.from_numpy(network_input(hexplane, "depth_normal"))[None]


@pytest.fixture(scope="module")
def codec() -> Codec:
    codec = build_codec(CodecSettings.model_validate({"model": MODEL}), 64)
    codec.fit(codec.field_of(shape(seed)) for seed in range(8))
    return codec


@pytest.fixture(scope="module")
def unseen() -> Hexplane:
    return shape(20)


def test_more_bytes_err_less_and_fit(codec: Codec, unseen: Hexplane):
    truth = codec.field_of(unseen)
    near = np.abs(truth) < 0.03  # half a voxel
    errors = []
    for most in (48, 128, 512, 2048):
        latent = codec.within(codec.solve(views(unseen)), most)
        layers = codec.layers(latent[0])
        assert sum(len(layer) + latent_file.LAYER_BYTES for layer in layers) <= most
        assert torch.equal(codec.from_layers(layers), latent[0])
        errors.append(np.square(codec.decode(latent)[0].numpy() - truth)[near].mean())
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.4 * errors[0]
    best = codec.decode(codec.encode(views(unseen)))[0].numpy()
    assert np.abs(best - truth)[near].mean() < 0.002


def test_the_first_layer_alone_decodes(codec: Codec, unseen: Hexplane):
    latent = codec.within(codec.solve(views(unseen)), 1024)
    layers = codec.layers(latent[0])
    assert len(layers) == 2
    coarse = codec.from_layers(layers[:1])
    assert torch.equal(coarse[:24], latent[0, :24]) and not coarse[24:].any()
    truth = codec.field_of(unseen)
    near = np.abs(truth) < 0.04
    errors = [
        np.square(codec.decode(own[None])[0].numpy() - truth)[near].mean()
        for own in (latent[0], coarse)
    ]
    assert errors[0] < errors[1]
    for broken in ([layers[0], b""], [layers[0], b"\x0c"], [layers[0], layers[1][:-1]], layers * 2):
        with pytest.raises(ValueError):
            codec.from_layers(broken)


def test_it_is_saved_and_read(codec: Codec, unseen: Hexplane, tmp_path: Path):
    weights = {name: own.contiguous() for name, own in codec.state_dict().items()}
    save_file(weights, tmp_path / "model.safetensors")
    spec = {"features": "depth_normal", "model": MODEL}
    write_json(tmp_path / "config.json", {"spec": spec, "resolution": 64, "train": ["a"]})
    saved = load_model(tmp_path)
    own, read = (one.within(one.solve(views(unseen)), 400) for one in (codec, saved.codec))
    assert torch.equal(own, read)
    assert torch.equal(codec.decode(own), saved.codec.decode(read))


def test_draws_are_of_components_alone(codec: Codec):
    shape_of = torch.Size([5, *codec.latent_shape])
    drawn = codec.bottleneck.draw(shape_of, torch.Generator().manual_seed(0))
    assert drawn.shape == shape_of and drawn[:, :12].any() and not drawn[:, 12:].any()
