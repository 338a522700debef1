"""Signed distance fields from six views, against spheres and against the mesh's own."""

import numpy as np
import pytest
import trimesh

from hexplane.geometry import frame, implicit
from hexplane.geometry.distance import signed_distance, surface_distance
from hexplane.geometry.hexplane import Hexplane
from hexplane.geometry.isosurface import drop_islands, marching_cubes
from hexplane.rendering.embree import EmbreeRenderer
from support.project import bump

TRUNCATION = 0.1


def rendered(mesh: trimesh.Trimesh, resolution: int = 128) -> Hexplane:
    return EmbreeRenderer().render(mesh, resolution)


def distance_to_sphere(resolution: int, radius: float) -> np.ndarray:
    axis = frame.voxel_centres(resolution)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    return np.sqrt(x**2 + y**2 + z**2) - radius


@pytest.mark.parametrize("resolution", [32, 64])
def test_of_a_sphere(resolution: int):
    sphere = trimesh.creation.icosphere(subdivisions=5, radius=0.7)
    field = implicit.signed_distance_of(rendered(sphere), resolution, TRUNCATION)
    truth = distance_to_sphere(resolution, 0.7).clip(-TRUNCATION, TRUNCATION)
    assert field.dtype == np.float32 and field.shape == (resolution,) * 3
    near = np.abs(truth) < 0.05
    assert np.abs(field - truth)[near].max() < 0.01
    assert np.abs(field - truth)[near].mean() < 0.0015
    assert np.array_equal(np.sign(field[~near]), np.sign(truth[~near]))


def test_its_surface_is_nearer_than_that_of_the_meshs_own_field():
    """A field sampled from the mesh cuts bends short that the views have seen."""
    mesh = bump(0)
    mesh.apply_scale(0.6)
    ours = implicit.signed_distance_of(rendered(mesh), 16, TRUNCATION)
    axis = frame.voxel_centres(16)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    own = signed_distance(points, mesh).reshape(16, 16, 16)
    errors = []
    for field in (ours, own):
        surface = marching_cubes(field, 0.0, 1.0)
        there = surface_distance(surface.vertices, mesh)[0].mean()
        back = surface_distance(mesh.vertices, surface)[0].mean()
        errors.append((there + back) / 2)
    assert errors[0] < 0.8 * errors[1]


def test_a_part_that_no_view_sees_stays_closed():
    """Two balls one above the other: no view from above or below sees between them."""
    balls = [trimesh.creation.icosphere(subdivisions=4, radius=0.3) for _ in range(2)]
    balls[0].apply_translation([0, 0.25, 0])
    balls[1].apply_translation([0, -0.45, 0.1])
    both = trimesh.util.concatenate(balls)
    field = implicit.signed_distance_of(rendered(both), 64, TRUNCATION)
    mesh = drop_islands(marching_cubes(field, 0.0, 1.0), 0.01)
    assert mesh.is_watertight and len(mesh.split()) == 2
    assert mesh.volume == pytest.approx(both.volume, rel=0.02)


def test_of_nothing_and_of_silhouettes():
    nothing = Hexplane(np.ones((6, 32, 32), np.float32), np.zeros((6, 3, 32, 32), np.float32))
    assert (implicit.signed_distance_of(nothing, 16, TRUNCATION) == np.float32(TRUNCATION)).all()
    box = trimesh.creation.box((1.0, 1.4, 0.8))  # its own visual hull
    hull = implicit.distance_of_silhouettes(rendered(box), 64, TRUNCATION)
    mesh = marching_cubes(hull, 0.0, 1.0)
    assert np.abs(mesh.bounds - box.bounds).max() < 0.03
    assert mesh.volume == pytest.approx(box.volume, rel=0.05)


def test_a_linear_function_is_interpolated_as_it_is():
    axis = frame.voxel_centres(8)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    points = np.random.default_rng(0).uniform(-0.85, 0.85, (50, 3))
    found = implicit.trilinear(points, 8) @ (x + 2 * y - 3 * z).ravel()
    np.testing.assert_allclose(found, points @ [1, 2, -3], atol=1e-12)
