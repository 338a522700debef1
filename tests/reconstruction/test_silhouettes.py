"""Silhouettes in space against solids whose rims are known exactly."""

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh

from hexplane.geometry import frame
from hexplane.geometry.analytic import analytic
from hexplane.geometry.distance import surface_distance
from hexplane.geometry.meshes import normalise
from hexplane.plumbing.errors import UserError
from hexplane.reconstruction.silhouettes import silhouettes
from hexplane.settings.silhouettes import SilhouettesSettings
from hexplane.stages import silhouettes as stage
from hexplane.store import write_hexplane

R = 96
PIXEL = 2 / R


@pytest.fixture(params=["renderer", "on_cpu"], ids=["embree", "nvdiffrast"])
def drawn_by(request):
    """Both backends; the second on a stand-in of its rasteriser, since it asks for a GPU."""
    return request.getfixturevalue(request.param)


def _of(renderer, name):
    mesh, _ = normalise(analytic(name), "y")
    return mesh, silhouettes(renderer.render(mesh, R))


def test_six_views_of_a_sphere_give_three_great_circles(drawn_by):
    _, found = _of(drawn_by, "sphere")
    assert [own.view for own in found] == list(range(6))
    for own in found:
        along = own.points @ frame.TOWARD[own.view]
        assert np.abs(along).max() < PIXEL / 2  # through the centre
        assert np.abs(np.linalg.norm(own.points, axis=1) - 0.9).max() < PIXEL / 2
        step = np.linalg.norm(own.points - np.roll(own.points, 1, axis=0), axis=1)
        assert step.max() < 1.5 * PIXEL  # closed


def test_a_cube_gives_the_edges_of_each_face(drawn_by):
    _, found = _of(drawn_by, "cube")
    assert len(found) == 6
    for own in found:
        across = own.points @ np.stack([frame.RIGHT[own.view], frame.UP[own.view]], axis=1)
        assert np.abs(own.points @ frame.TOWARD[own.view] - 0.9).max() < PIXEL / 2
        assert np.abs(np.abs(across).max(axis=1) - 0.9).max() < PIXEL / 2


def test_a_cylinder_seen_from_its_ends_gives_the_rims_of_its_caps(drawn_by):
    mesh, found = _of(drawn_by, "cylinder")
    radius = 0.63
    for view, height in ((0, 0.9), (1, -0.9)):
        (own,) = (each for each in found if each.view == view)
        assert np.abs(own.points[:, 1] - height).max() < PIXEL / 2
        assert np.abs(np.hypot(*own.points[:, [0, 2]].T) - radius).max() < PIXEL / 2
    assert np.abs(mesh.extents - (2 * radius, 1.8, 2 * radius)).max() < 1e-3
    (front,) = (each for each in found if each.view == 2)
    sides = front.points[np.abs(front.points[:, 1]) < 0.8]
    assert np.abs(sides[:, 2]).max() < PIXEL / 2  # the wall turns away at its widest


def test_a_torus_has_an_inner_circle(drawn_by):
    mesh, found = _of(drawn_by, "torus")
    top = [own for own in found if own.view == 0]
    radii = sorted(np.hypot(*own.points[:, [0, 2]].T).mean() for own in top)
    outer = mesh.extents[0] / 2
    assert radii == pytest.approx([outer * 0.4, outer], abs=PIXEL / 2)
    assert max(np.abs(own.points[:, 1]).max() for own in top) < PIXEL / 2


def test_an_l_shape_keeps_its_inner_corner(drawn_by):
    mesh, found = _of(drawn_by, "l-shape")
    (front,) = (own for own in found if own.view == 2)
    front_face = mesh.bounds[1, 2]
    assert np.abs(front.points[:, 2] - front_face).max() < PIXEL / 2
    x, y = front.points[:, :2].T
    area = 0.5 * abs((x * np.roll(y, 1) - y * np.roll(x, 1)).sum())
    box = (1.8 / 2) ** 2  # canonical units by the shape's own, squared
    assert area == pytest.approx(box * (2 * 0.7 + 1.3 * 0.7), rel=0.03)
    corner = np.array([mesh.bounds[0, 0] + 0.63, mesh.bounds[0, 1] + 0.63])
    assert np.linalg.norm(front.points[:, :2] - corner, axis=1).min() < PIXEL


@pytest.mark.parametrize("name", ["sphere", "cube", "cylinder", "torus", "l-shape"])
@pytest.mark.parametrize("seed", [0, 1])
def test_turned_copies_have_their_rims_on_the_surface(drawn_by, name, seed):
    turn = trimesh.transformations.random_rotation_matrix(np.random.default_rng(seed).random(3))
    solid = analytic(name)
    solid.apply_transform(turn)
    mesh, _ = normalise(solid, "y")
    found = silhouettes(drawn_by.render(mesh, R))
    assert {own.view for own in found} == set(range(6))
    points = np.vstack([own.points for own in found])
    distance, _ = surface_distance(points, mesh)
    assert np.quantile(distance, 0.95) < 1.5 * PIXEL
    # Where it turns away: no part of the solid reaches beyond an outline's points in its view.
    for own in found:
        seen = frame.project(own.points)[own.view, :, :2]
        assert np.abs(seen).max() < 0.9 + PIXEL


def test_a_file_of_closed_polylines_in_the_sources_coordinates(renderer, tmp_path: Path):
    ball = trimesh.creation.icosphere(subdivisions=4, radius=3.0)
    ball.apply_translation((10, -20, 30))
    ball.export(tmp_path / "ball.ply")
    settings = SilhouettesSettings(resolution=64, backend="embree")
    stage.run(tmp_path / "ball.ply", tmp_path / "out.obj", settings)
    lines = (tmp_path / "out.obj").read_text().splitlines()
    points = np.array([line.split()[1:] for line in lines if line.startswith("v ")], float)
    assert np.abs(np.linalg.norm(points - (10, -20, 30), axis=1) - 3).max() < 3 / 0.9 / 64
    loops = [line.split()[1:] for line in lines if line.startswith("l ")]
    assert len(loops) == 6
    assert all(loop[0] == loop[-1] for loop in loops)
    assert sum(len(loop) - 1 for loop in loops) == len(points)
    facts = json.loads((tmp_path / "out.json").read_text())
    assert (facts["polylines"], facts["canonical"]) == (6, False)
    # The store of the same views says the same, in the cube.
    mesh, _ = normalise(ball, "y")
    write_hexplane(tmp_path / "ball.zarr", renderer.render(mesh, 64))
    stage.run(tmp_path / "ball.zarr", tmp_path / "same.obj", settings)
    assert (tmp_path / "same.obj").read_text().count("\nl ") == 6
    with pytest.raises(UserError, match="no OBJ file"):
        stage.run(tmp_path / "ball.zarr", tmp_path / "same.ply", settings)
