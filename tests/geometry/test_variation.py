"""Variations of heads: a seed each, smooth, and without a fold."""

import numpy as np
import pytest
import trimesh

from hexplane.geometry.variation import varied


def grains() -> trimesh.Trimesh:
    """Small tetrahedra all over a cube, as one mesh of many bodies."""
    axis = np.linspace(-1, 1, 12)
    corners = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    own = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]) * 0.01
    vertices = (corners + own).reshape(-1, 3)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    first = 4 * np.arange(len(corners))[:, None, None]
    return trimesh.Trimesh(vertices, (first + faces).reshape(-1, 3), process=False)


def volumes(mesh: trimesh.Trimesh) -> np.ndarray:
    """Signed volume of each grain."""
    a, b, c, d = mesh.vertices.reshape(-1, 4, 3).transpose(1, 0, 2)
    return np.linalg.det(np.stack([b - a, c - a, d - a], axis=1)) / 6


@pytest.mark.parametrize("seed", range(6))
def test_no_place_folds(seed: int) -> None:
    before, after = grains(), varied(grains(), seed, 1.0)
    assert (volumes(before) > 0).all()
    assert (volumes(after) > 0.1 * volumes(before)).all()


def test_a_solid_stays_one_and_becomes_another() -> None:
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.1)
    made = varied(ball, 3, 1.0)
    assert made.is_watertight and made.is_winding_consistent and made.volume > 0
    assert np.array_equal(made.faces, ball.faces)
    moved = np.linalg.norm(made.vertices - ball.vertices, axis=1)
    assert 0.002 < moved.max() < 0.1  # of a head 0.2 across


def test_a_seed_is_a_variation_whatever_the_units() -> None:
    ball = trimesh.creation.icosphere(subdivisions=2, radius=0.1)
    large = trimesh.Trimesh(ball.vertices * 1000 + 7, ball.faces, process=False)
    once, again, scaled = varied(ball, 5, 0.7), varied(ball, 5, 0.7), varied(large, 5, 0.7)
    assert np.array_equal(once.vertices, again.vertices)
    assert np.allclose(scaled.vertices, once.vertices * 1000 + 7, atol=1e-7)
    assert not np.allclose(once.vertices, varied(ball, 6, 0.7).vertices, atol=1e-3)


def test_none_at_no_strength() -> None:
    ball = trimesh.creation.icosphere(subdivisions=2)
    assert np.allclose(varied(ball, 1, 0.0).vertices, ball.vertices, atol=1e-12)
