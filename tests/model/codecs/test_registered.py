"""The registered codec: where a part lies is learned apart from what it is."""

import numpy as np
import pytest
import torch

from hexplane.model import alignment, latent_file
from hexplane.model.codec import Codec
from hexplane.model.codecs import build_codec
from hexplane.model.settings import CodecSettings

GRID = 32
AXIS = (np.arange(GRID) + 0.5) / GRID * 2 - 1
POINTS = np.stack(np.meshgrid(AXIS, AXIS, AXIS, indexing="ij"), axis=-1)


def field(width: float, height: float, points: np.ndarray = POINTS) -> np.ndarray:
    """A ball with a nose, stretched: distances to first order, as of an ellipsoid."""
    scale = np.array([width, height, 1.0])
    ball = np.linalg.norm(points / scale, axis=-1) - 0.55
    nose = np.linalg.norm((points / scale - np.array([0, 0, 0.55])), axis=-1) - 0.2
    made = np.minimum(ball, nose)
    steep = np.linalg.norm(np.stack(np.gradient(made, 2 / GRID)), axis=0)
    return (made / np.maximum(steep, 0.5)).clip(-0.1, 0.1).astype(np.float32)


SCALES = (0.75, 0.9, 1.05, 1.2)
HEADS = [field(width, height) for width in SCALES for height in SCALES]
UNSEEN = [field(0.83, 1.1), field(1.0, 0.8), field(1.12, 1.15)]


def fitted(kind: str) -> Codec:
    model = {"kind": kind, "grid": GRID, "components": 3, "step": 0.01, "mirrors": False}
    codec = build_codec(CodecSettings.model_validate({"model": model}), 64)
    codec.fit(HEADS)
    return codec


@pytest.fixture(scope="module")
def codec() -> Codec:
    return fitted("registered")


@pytest.fixture(scope="module")
def plain() -> Codec:
    return fitted("layered")


def error(made: np.ndarray, truth: np.ndarray) -> float:
    return float(np.abs(made - truth)[np.abs(truth) < 0.05].mean())


def base_of(codec: Codec, truth: np.ndarray) -> np.ndarray:
    """What the components alone make of a field."""
    return codec._sum(codec._solved_still(truth).target)


def test_few_components_hold_what_moves(codec: Codec, plain: Codec) -> None:
    own = [error(base_of(codec, truth), truth) for truth in UNSEEN]
    other = [error(base_of(plain, truth), truth) for truth in UNSEEN]
    assert np.mean(own) < 0.75 * np.mean(other)


def test_between_two_heads_lies_a_head(codec: Codec, plain: Codec) -> None:
    """Where fields are added, a narrow and a wide head have both outlines in between."""
    truth = field(0.98, 0.98)
    errors = []
    for own in (codec, plain):
        narrow, wide = (own._solved_still(field(size, size)).target for size in (0.78, 1.18))
        errors.append(error(own._sum((narrow + wide) / 2), truth))
    assert errors[0] < 0.5 * errors[1]


def test_integers_survive_their_file_and_more_bytes_err_less(
    codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = field(0.95, 1.13)
    monkeypatch.setattr(codec, "_field", lambda views: truth)
    errors = []
    for most in (32, 120, 1000):
        latent = codec.within(codec.solve(torch.zeros(1, 1)), most)
        layers = codec.layers(latent[0])
        assert sum(len(layer) + latent_file.LAYER_BYTES for layer in layers) <= most
        assert torch.equal(codec.from_layers(layers), latent[0])
        errors.append(error(codec.decode(latent)[0].numpy(), truth))
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.75 * errors[0]


def test_only_voxels_by_the_surface_are_kept(codec: Codec, plain: Codec) -> None:
    assert int((codec.voxels < GRID**3).sum()) < len(plain.voxels)
    assert len(codec.mean) == GRID**3 + 3 * 16**3


def test_another_pose_is_found(codec: Codec) -> None:
    angle = np.radians(20)
    turn = np.array(
        [[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]]
    )
    truth = field(0.8, 1.1, POINTS @ turn.T + np.array([0.06, 0, 0]))
    still, solved = base_of(codec, truth), codec._solved(truth)
    assert solved.pose.any()
    made = alignment.posed(codec._sum(solved.target), solved.pose)
    assert error(made, truth) < 0.6 * error(still, truth)
