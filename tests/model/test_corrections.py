"""Corrections: the more room the nearer, and only where a surface is."""

import numpy as np
import pytest

from hexplane.geometry import frame
from hexplane.model import blocks, corrections

GRID = 24
PLACES = (GRID // blocks.SIDE) ** 3


def ball(radius: float, bumps: float = 0.0) -> np.ndarray:
    centres = frame.voxel_centres(GRID)
    x, y, z = np.meshgrid(centres, centres, centres, indexing="ij")
    wave = bumps * np.sin(7 * x) * np.sin(8 * y) * np.sin(6 * z)
    return (np.sqrt(x * x + y * y + z * z) - radius + wave).clip(-0.1, 0.1).astype(np.float32)


def squared(field: np.ndarray, made: np.ndarray) -> float:
    """Squared error by the true surface and the decoded one: not what choices are judged by."""
    width = 1.3 * 2 / len(field)
    near = np.exp(-((np.minimum(np.abs(field), np.abs(made)) / width) ** 2))
    near[(field < 0) != (made < 0)] = 1
    return float((near * np.square(field - made)).sum())


@pytest.fixture(scope="module")
def known() -> corrections.Corrections:
    none = np.zeros((GRID,) * 3, dtype=np.float32)
    made = ball(0.6)
    heads = [ball(0.5 + 0.02 * i, 0.02 * (i % 4)) for i in range(10)]
    errors = np.stack([blocks.split(corrections.wanted(head, made, none)) for head in heads])
    kinds = blocks.classes_of(errors)
    rows = blocks.directions(errors)
    tables = [
        blocks.fitted(errors @ rows.T, 0.004 * 2**octave, corrections.USUAL, kinds)
        for octave in range(corrections.STEPS)
    ]
    return corrections.Corrections(rows, kinds, [tables, tables], 0.004)


def test_more_room_leaves_less_error(known: corrections.Corrections):
    field, made = ball(0.63, 0.03), ball(0.6)
    left = [squared(field, made)]
    for room in (24, 80, 300):
        choice = known.within(field, made, room)
        assert choice is not None
        data = known.pack(choice)
        assert len(data) <= room
        read = known.unpack(data)
        assert read[:2] == choice[:2] and np.array_equal(read.integers, choice.integers)
        left.append(squared(field, made + known.field(choice)))
    assert left == sorted(left, reverse=True) and left[-1] < 0.1 * left[0]
    finest = known.finest(field, made)
    assert squared(field, made + known.field(finest)) < 0.02 * left[0]


def test_the_room_is_used(known: corrections.Corrections):
    choice = known.within(ball(0.63, 0.03), ball(0.6), 200)
    assert choice is not None and len(known.pack(choice)) > 140


def test_where_much_is_wrong_little_room_still_helps(known: corrections.Corrections):
    field, made, room = np.roll(ball(0.5, 0.03), 5, axis=1), ball(0.6), 60
    asked = corrections.wanted(field, made, np.zeros_like(field))
    usual = known._choose(asked, corrections.STEPS - 1, 0, corrections.USUAL)
    assert len(known.pack(usual)) > room
    choice = known.within(field, made, room)
    assert choice is not None and len(known.pack(choice)) <= room
    left = squared(field, made + known.field(choice))
    assert left < 0.9 * squared(field, made)


def test_no_room_is_no_correction(known: corrections.Corrections):
    assert known.within(ball(0.63, 0.03), ball(0.6), 2) is None


@pytest.mark.parametrize("data", [b"", bytes([2 * corrections.STEPS]), b"\x00\x01"])
def test_other_bytes_are_refused(known: corrections.Corrections, data: bytes):
    with pytest.raises(ValueError):
        known.unpack(data)


def test_only_what_touches_a_surface_counts():
    field, made = (np.zeros((64, 64, 64), dtype=np.float32) for _ in range(2))
    field[0, 0, :6] = [-0.1, -0.01, 0.1, 0.1, -0.1, 0.1]
    made[0, 0, :6] = [-0.09, 0.01, 0.09, -0.1, 0.1, 0.0]
    near = corrections.nearness(field, made)[0, 0]
    assert near[[0, 2]].max() < 0.01
    np.testing.assert_allclose(near[[1, 3, 4, 5]], 1)
    asked = corrections.wanted(field, made, np.full_like(field, 0.005))[0, 0]
    np.testing.assert_allclose(asked[[0, 2]], 0.005, atol=3e-4)  # what it already says
    np.testing.assert_allclose(asked[[1, 3, 4, 5]], [-0.02, 0.2, -0.2, 0.1], atol=1e-6)
