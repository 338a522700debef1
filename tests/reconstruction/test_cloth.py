"""A draped sheet against solids that are known exactly."""

import numpy as np
import pytest

from hexplane.geometry.analytic import analytic
from hexplane.geometry.hexplane import hexplane_of
from hexplane.geometry.meshes import normalise
from hexplane.reconstruction.cloth import _offsets, cloth

PIXEL = 2 / 64


def test_a_sheet_lies_on_the_sphere(renderer, sphere):
    made = cloth(renderer.render(sphere, 64))
    error = np.abs(np.linalg.norm(made.vertices, axis=1) - 0.8)
    assert made.is_volume
    assert (error.mean(), error.max()) < (0.05 * PIXEL, 0.5 * PIXEL)
    # Fewer by far than a sheet of a cell a pixel, which has about four for each pixel of an area.
    assert len(made.vertices) < 0.25 * 1.5 * 4 * np.pi * 0.8**2 / PIXEL**2


def test_a_torus_keeps_its_hole(renderer):
    mesh, _ = normalise(analytic("torus"), "y")
    made = cloth(renderer.render(mesh, 64))
    assert made.is_volume
    assert (made.euler_number, made.body_count) == (0, 1)


def test_what_is_draped_already_is_moved_no_more(renderer, sphere):
    views = renderer.render(sphere, 64)
    assert np.abs(_offsets(sphere, views, PIXEL)).max() < 0.1 * PIXEL


@pytest.mark.parametrize("seed", range(2))
def test_noise_is_no_crash(seed):
    rng = np.random.default_rng(seed)
    made = cloth(hexplane_of(rng.random((6, 20, 20)), rng.random((6, 20, 20)), None))
    assert np.isfinite(made.vertices).all()
