"""A head that was moved is found again."""

import numpy as np
import pytest

from hexplane.geometry import frame
from hexplane.model import alignment

GRID = 48
STILL = np.zeros(alignment.NUMBERS, dtype=np.int64)


def head(turned: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """A lopsided lump, seen through q = B p + u; distances near its surface, scaled back."""
    centres = frame.voxel_centres(GRID)
    points = np.stack(np.meshgrid(centres, centres, centres, indexing="ij"), axis=-1)
    q = points @ turned.T + moved
    balls = (([0.0, 0.1, 0.0], 0.5), ([0.1, -0.3, 0.1], 0.35), ([0.3, 0.25, -0.1], 0.3))
    distance = np.min([np.linalg.norm(q - at, axis=-1) - radius for at, radius in balls], axis=0)
    return (distance / np.cbrt(np.linalg.det(turned))).clip(-0.1, 0.1).astype(np.float32)


MEAN = head(np.eye(3), np.zeros(3))
MOVED = np.array([[1.2, 0.02, 0.0], [-0.03, 1.15, 0.01], [0.0, 0.02, 1.25]])
SHIFT = np.array([0.05, -0.08, 0.03])


def only_mean(field: np.ndarray, count: int) -> np.ndarray:
    """The nearest field of no components."""
    return MEAN


def test_a_moved_head_is_laid_on_the_mean():
    field = head(MOVED, SHIFT)
    pose = alignment.align(field, MEAN, only_mean)
    turned = np.eye(3) + pose[:9].reshape(3, 3) * alignment.STEP
    np.testing.assert_allclose(turned, MOVED, atol=0.01)
    np.testing.assert_allclose(pose[9:] * alignment.STEP, SHIFT, atol=0.005)
    near = np.abs(field) < 0.03
    error = np.abs(alignment.posed(MEAN, pose) - field)[near].mean()
    assert error < 0.003 and error < 0.1 * np.abs(MEAN - field)[near].mean()
    laid = alignment.unposed(field, pose)
    assert np.abs(laid - MEAN)[np.abs(MEAN) < 0.03].mean() < 0.003


def test_the_mean_itself_lies_still():
    pose = alignment.align(MEAN, MEAN, only_mean)
    assert np.abs(pose * alignment.STEP).max() < 0.005
    assert alignment.posed(MEAN, STILL) is MEAN


@pytest.mark.parametrize("value", [0.1, -0.1])
def test_where_there_is_no_head_there_is_no_pose(value: float):
    with np.errstate(all="ignore"):
        pose = alignment.align(np.full_like(MEAN, value), MEAN, only_mean)
    assert not pose.any()
