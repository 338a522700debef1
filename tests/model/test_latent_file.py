"""Latent files: what goes in comes out, and no damage goes unnoticed."""

import zlib

import numpy as np
import pytest

from hexplane.geometry import frame
from hexplane.model import latent_file
from hexplane.plumbing.errors import UserError

MODEL = "0123456789abcdef" * 4
LAYERS = [b"base", bytes(range(256)) * 2, b""]


def place(scale: float = 8.0, at: float = 0.0, up: frame.UpAxis = "y") -> frame.Array:
    """Of a head that a scan has at some distance from its origin."""
    box = np.array([[at, at, at], [at + 0.1, at + 1.8 / scale, at + 0.17]])
    return frame.canonical_transform(box, up)


@pytest.mark.parametrize("up", ["y", "z"])
@pytest.mark.parametrize("at", [0.0, 0.3, 5_400_000.0])
def test_a_head_returns_to_its_place(at: float, up: frame.UpAxis):
    transform = place(at=at, up=up)
    read = latent_file.unpack(latent_file.pack(MODEL, transform, LAYERS), "x")
    assert read.layers == LAYERS and MODEL.startswith(read.model)
    assert read.source_to_canonical is not None
    points = np.array([[0.9, -0.9, 0.9], [-0.9, 0.9, 0.1]])
    truth, found = (
        frame.apply_transform(np.linalg.inv(t), points)
        for t in (transform, read.source_to_canonical)
    )
    assert np.abs(truth - found).max() < 1e-6 * (1.8 / 8) + np.spacing(at)


def test_a_head_near_the_origin_needs_few_bytes():
    assert latent_file.header_bytes(None) == 9
    assert latent_file.header_bytes(place(at=0.3)) == 25
    assert latent_file.header_bytes(place(at=5e6)) == 41


def test_a_head_in_the_cube_has_no_place():
    read = latent_file.unpack(latent_file.pack(MODEL, None, [b"a"]), "x")
    assert read.source_to_canonical is None and read.layers == [b"a"]


def test_layers_cost_no_more_than_is_said():
    for length in (0, 127, 128, 70_000):
        made = latent_file.pack(MODEL, None, [bytes(length)])
        assert len(made) <= latent_file.header_bytes(None) + length + latent_file.LAYER_BYTES


def test_cut_at_a_layers_end_it_is_whole_and_elsewhere_it_is_refused():
    transform = place(at=0.3)
    whole = latent_file.pack(MODEL, transform, LAYERS)
    ends = {len(latent_file.pack(MODEL, transform, LAYERS[:n])): n for n in (1, 2, 3)}
    for length in range(len(whole) + 1):
        if length in ends:
            assert latent_file.unpack(whole[:length], "x").layers == LAYERS[: ends[length]]
        else:
            with pytest.raises(UserError, match="x: "):
                latent_file.unpack(whole[:length], "x")


def test_no_flipped_bit_goes_unnoticed():
    whole = latent_file.pack(MODEL, place(at=0.3), LAYERS[:1])
    for bit in range(8 * len(whole)):
        altered = bytearray(whole)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(UserError):
            latent_file.unpack(bytes(altered), "x")


def test_any_turn_is_kept_as_it_is():
    turned = np.array([[0.0, 2, 0, 1], [-2, 0, 0, 0], [0, 0, 2, 7], [0, 0, 0, 1]])
    read = latent_file.unpack(latent_file.pack(MODEL, turned, [b"a"]), "x")
    assert np.array_equal(read.source_to_canonical, turned)
    whole = bytearray(latent_file.pack(MODEL, turned, []))
    whole[9:17] = np.array([np.nan]).tobytes()
    body = bytes(whole) + b"\x01a"
    with pytest.raises(UserError, match="no transform"):
        latent_file.unpack(body + zlib.crc32(body).to_bytes(4, "little"), "x")
