"""Displacements to a template: of known truth, and the arithmetic of splines."""

import numpy as np
import pytest

from hexplane.model import registration

SIZE = 32
AXIS = (np.arange(SIZE) + 0.5) / SIZE * 2 - 1
POINTS = np.stack(np.meshgrid(AXIS, AXIS, AXIS, indexing="ij"))


def ball(centre: tuple[float, float, float], radius: float, size: int = SIZE) -> np.ndarray:
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    distance = np.linalg.norm(points - np.array(centre), axis=-1) - radius
    return distance.clip(-0.1, 0.1).astype(np.float32)


def test_splines_hold_what_is_linear() -> None:
    """Cubic B-splines reproduce polynomials; the lattice's sides repeat their outermost."""
    axis = (np.arange(registration.LATTICE) + 0.5) / registration.LATTICE * 2 - 1
    lattice = np.stack(np.meshgrid(axis, axis, axis, indexing="ij")).astype(np.float32)
    made = registration.displacement(2 * lattice + 0.25, SIZE)
    inner = np.s_[:, 4:-4, 4:-4, 4:-4]
    np.testing.assert_allclose(made[inner], (2 * POINTS + 0.25)[inner], atol=1e-5)
    np.testing.assert_allclose(registration.spline(SIZE).sum(axis=1), 1, atol=1e-6)


def test_splines_at_voxels_are_the_displacement_there() -> None:
    rng = np.random.default_rng(0)
    coefficients = rng.normal(size=(3, *(registration.LATTICE,) * 3)).astype(np.float32)
    voxels = rng.choice(SIZE**3, 200, replace=False)
    whole = registration.displacement(coefficients, SIZE).reshape(3, -1)[:, voxels]
    some = registration.spline_at(voxels, SIZE) @ coefficients.reshape(3, -1).T
    np.testing.assert_allclose(some.T, whole, atol=1e-5)
    np.testing.assert_allclose(
        registration.places(voxels, SIZE).T, POINTS.reshape(3, -1)[:, voxels], atol=1e-12
    )


@pytest.mark.parametrize(
    ("centre", "radius"), [((0.15, 0, -0.1), 0.5), ((0, 0, 0), 0.65), ((-0.1, 0.1, 0), 0.42)]
)
def test_a_moved_or_swollen_ball_is_laid_on_the_ball(
    centre: tuple[float, float, float], radius: float
) -> None:
    head, template = ball(centre, radius), ball((0, 0, 0), 0.5)
    moved = registration.displacement(registration.register(head, template), SIZE)
    near = np.abs(head) < 0.05
    before = np.abs(template - head)[near].mean()
    made = registration.sampled(template, moved)
    assert np.abs(made - head)[near].mean() < 0.12 * before
    # On the surface, y + u(y) is a point of the template's surface.
    away = np.linalg.norm(POINTS + moved, axis=0)[np.abs(head) < 0.02]
    assert np.abs(away - 0.5).mean() < 0.02


def test_pulled_back_and_forth_is_the_same_field() -> None:
    head, template = ball((0.12, 0, 0), 0.55, 64), ball((0, 0, 0), 0.5, 64)
    moved = registration.displacement(registration.register(head, template), 64)
    pulled = registration.pulled_back(head, moved)
    near = np.abs(head) < 0.03
    assert np.abs(registration.sampled(pulled, moved) - head)[near].mean() < 0.0005
    # There it lies where the template does.
    there = np.abs(template) < 0.03
    assert np.abs(pulled - template)[there].mean() < 0.3 * np.abs(head - template)[there].mean()


def test_a_head_that_is_the_template_stays() -> None:
    template = ball((0, 0, 0), 0.5)
    assert np.abs(registration.register(template, template)).max() < 1e-6
