"""Network inputs: channels of each kind, and dithering against Bayer's known matrices."""

import numpy as np
import pytest

from hexplane.geometry import frame
from hexplane.geometry.features import BAYER_ORDER, bayer, dither, network_input
from hexplane.geometry.hexplane import Hexplane
from hexplane.geometry.modality import CHANNELS

R = 24
LEVELS = 4**BAYER_ORDER


@pytest.fixture(scope="module")
def views() -> Hexplane:
    """A disc in each view, another depth and normal in every pixel of it."""
    rng = np.random.default_rng(0)
    right, up = np.meshgrid(*frame.pixel_centres(R))
    covered = np.broadcast_to(right**2 + up**2 < 0.5, (6, R, R))
    depth = np.where(covered, rng.uniform(0.1, 0.8, (6, R, R)), frame.BACKGROUND_DEPTH)
    normal = rng.normal(size=(6, 3, R, R))
    normal *= covered[:, None] / np.linalg.norm(normal, axis=1, keepdims=True)
    return Hexplane(depth.astype(np.float32), normal.astype(np.float32))


@pytest.mark.parametrize("features", ["occupancy", "depth_normal", "dithered", "normal"])
def test_inputs_are_float32_of_as_many_channels_as_the_network_takes(views, features):
    made = network_input(views, features)
    assert made.dtype == np.float32
    assert made.shape == (6, CHANNELS[features], R, R)


def test_channels_of_each_input(views):
    covered = views.depth < 1
    assert np.array_equal(network_input(views, "occupancy")[:, 0], covered)
    both = network_input(views, "depth_normal")
    assert np.array_equal(both[:, 0], views.depth)
    assert np.array_equal(both[:, 1:], views.normal)
    assert np.array_equal(network_input(views, "normal"), views.normal)


def test_dithered_input_is_depth_in_one_bit(views):
    made = network_input(views, "dithered")[:, 0]
    assert set(np.unique(made)) == {0, 1}
    assert made[views.depth == 1].all()  # background: the far face is above every threshold
    covered = views.depth < 1
    # Whatever the threshold, deeper pixels are set more often: bits correlate with depth.
    assert np.corrcoef(made[covered], views.depth[covered])[0, 1] > 0.3
    # Silhouettes alone do not tell the bits.
    assert 0.2 < made[covered].mean() < 0.8


# Bayer's matrix


def test_bayers_matrix_of_side_two_and_four():
    assert bayer(0).tolist() == [[0]]
    assert bayer(1).tolist() == [[0, 2], [3, 1]]
    assert bayer(2).tolist() == [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_bayers_matrix_is_a_permutation(order):
    matrix = bayer(order)
    assert matrix.shape == (2**order, 2**order)
    assert np.array_equal(np.sort(matrix, axis=None), np.arange(4**order))


@pytest.mark.parametrize("order", [2, 3])
def test_ranks_are_spread_evenly(order):
    # The first quarter of the ranks lies one in each 2 x 2 block, on one sublattice.
    first = np.argwhere(bayer(order) < 4 ** (order - 1))
    assert np.array_equal(np.unique(first % 2, axis=0), [[0, 0]])
    assert len(np.unique(first // 2, axis=0)) == 4 ** (order - 1)


# Dithering


def test_constant_images_keep_their_mean():
    levels = np.linspace(0, 1, 301)
    images = np.broadcast_to(levels[:, None, None], (301, R, R))
    made = dither(images)
    assert made.dtype == bool
    error = np.abs(made.mean(axis=(1, 2)) - levels)
    assert error.max() <= 0.5 / LEVELS + 1e-12
    # No coarser matrix does that: a 4 x 4 one is off by up to 1/32.
    assert len(np.unique(made.sum(axis=(1, 2)))) == LEVELS + 1


def test_extremes_are_constant():
    assert dither(np.ones((3, 8, 8))).all()
    assert not dither(np.zeros((3, 8, 8))).any()


def test_pattern_repeats_and_is_cut_at_the_edges():
    period = 2**BAYER_ORDER
    made = dither(np.full((2, 2 * period + 3, period + 5), 0.3))
    assert made.shape == (2, 2 * period + 3, period + 5)
    assert np.array_equal(made[:, period : 2 * period], made[:, :period])
    assert np.array_equal(made[:, :, period:], made[:, :, :5])
    assert np.array_equal(made[0], made[1])


def test_deeper_pixels_stay_set():
    low, high = (dither(np.full((8, 8), level)) for level in (0.4, 0.6))
    assert not (low & ~high).any()
    assert (high & ~low).sum() == pytest.approx(0.2 * 64, abs=1)
