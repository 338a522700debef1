"""Signed distances are libigl's own, bit for bit, in whatever order and groups points are asked."""

import igl
import numpy as np
import pytest
import trimesh

from hexplane.geometry import distance, frame
from hexplane.geometry.distance import (
    inside,
    signed_distance,
    signed_distance_grid,
    surface_distance,
)
from hexplane.geometry.isosurface import marching_cubes


def _ball(radius: float, centre: tuple[float, float, float] = (0, 0, 0)) -> trimesh.Trimesh:
    ball = trimesh.creation.icosphere(subdivisions=3, radius=radius)
    ball.apply_translation(centre)
    return ball


def _turned(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.vertices, mesh.faces[:, ::-1], process=False)


def _cut(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.vertices, mesh.faces[mesh.triangles_center[:, 1] < 0.3])


MESHES = {
    "torus": trimesh.creation.torus(0.6, 0.25, 48, 24),
    "shell": trimesh.util.concatenate([_ball(0.8), _turned(_ball(0.5))]),
    "ball in a ball": trimesh.util.concatenate([_ball(0.8), _ball(0.3)]),
    "balls that cut": trimesh.util.concatenate([_ball(0.5, (-0.3, 0, 0)), _ball(0.5, (0.3, 0, 0))]),
    "inside out": _turned(_ball(0.6)),
    "plane-parallel": trimesh.creation.box(extents=(1, 1, 1)).subdivide().subdivide(),
    "open": _cut(_ball(0.7)),
}


def _points(mesh: trimesh.Trimesh) -> np.ndarray:
    """Points throughout the cube, near the surface and on it."""
    rng = np.random.default_rng(0)
    surface, _ = trimesh.sample.sample_surface(mesh, 3000, seed=1)
    near = surface + rng.normal(scale=0.02, size=surface.shape)
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 9)] * 3), axis=-1).reshape(-1, 3)
    return np.vstack([rng.uniform(-1, 1, (2000, 3)), near, surface[:50], mesh.vertices[:20], grid])


@pytest.mark.parametrize("name", MESHES)
def test_distances_and_signs_are_those_of_each_point_alone(name: str) -> None:
    mesh = MESHES[name]
    points = _points(mesh)
    vertices, faces = np.array(mesh.vertices, float), np.array(mesh.faces, np.int64)
    squared, face, _ = igl.point_mesh_squared_distance(points, vertices, faces)
    winding = igl.fast_winding_number(vertices, faces, points)
    found, nearest = surface_distance(points, mesh)
    assert np.array_equal(found, np.sqrt(squared))
    assert np.array_equal(nearest, face)
    assert np.array_equal(inside(points, mesh), winding > 0.5)
    signed = signed_distance(points, mesh)
    assert np.array_equal(np.abs(signed), np.sqrt(squared).astype(np.float32))
    off = np.sqrt(squared) > 1e-6  # on the surface a winding number is anything
    assert np.array_equal(signed[off] < 0, (winding > 0.5)[off])


@pytest.mark.parametrize("resolution", [30, 48])
@pytest.mark.parametrize("name", MESHES)
def test_a_grid_has_the_surface_of_exact_distances(name: str, resolution: int) -> None:
    axis = frame.voxel_centres(resolution)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    exact = signed_distance(points, MESHES[name]).reshape((resolution,) * 3)
    found = signed_distance_grid(MESHES[name], resolution)
    assert np.array_equal(found < 0, exact < 0)
    assert np.abs(found - exact).max() <= 1.5 * np.sqrt(3) * 2 / resolution + 1e-6
    near = np.abs(exact) <= np.sqrt(3) * 2 / resolution
    assert np.array_equal(found[near], exact[near])
    expected, mesh = (marching_cubes(field, 0.0, 1.0) for field in (exact, found))
    assert np.array_equal(mesh.faces, expected.faces)
    # Values on the level move by a share of the field's range.
    assert np.allclose(mesh.vertices, expected.vertices, atol=1e-5)


@pytest.mark.parametrize("name", sorted(MESHES.keys() - {"open"}))
def test_groups_lie_on_one_side_and_are_few(name: str) -> None:
    mesh = MESHES[name]
    points = _points(mesh)
    found, _ = surface_distance(points, mesh)
    group, speaker = distance._groups(points, found)
    winding = igl.winding_number(np.array(mesh.vertices), np.array(mesh.faces, np.int64), points)
    off = found > 1e-6
    assert np.array_equal(np.rint(winding)[speaker][group][off], np.rint(winding)[off])
    assert np.array_equal(group[speaker], np.arange(len(speaker)))
    assert (found[speaker][group] >= found).all()
    assert len(speaker) < 0.5 * len(points)


def test_points_opposite_each_other_across_a_face_are_in_two_groups() -> None:
    points = np.array([[0, y, 0] for y in (0.5 - 1e-9, 0.5 + 1e-9, 0.4, 0.6, 0.1, 0.9)])
    group, _ = distance._groups(points, np.abs(points[:, 1] - 0.5))
    below = points[:, 1] < 0.5
    assert not set(group[below]) & set(group[~below])


def test_only_what_has_a_boundary_is_open() -> None:
    closed = {name: distance._is_closed(mesh.faces) for name, mesh in MESHES.items()}
    assert closed == {name: name != "open" for name in MESHES}
    ball = _ball(0.5)
    one_turned = np.vstack([ball.faces[:1, ::-1], ball.faces[1:]])
    assert not distance._is_closed(one_turned)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_points_are_points_too(count: int) -> None:
    points = np.array([[0, 0, 0], [0, 0.9, 0]], dtype=np.float32)[:count]
    expected = np.array([-0.5, 0.4], dtype=np.float32)[:count]
    assert signed_distance(points, _ball(0.5)) == pytest.approx(expected, abs=0.01)
    assert inside(points, _ball(0.5)).tolist() == [True, False][:count]
