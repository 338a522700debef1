"""Welding knows no units: what counts is a mesh's own size."""

import warnings

import numpy as np
import pytest
import trimesh

from hexplane.geometry.meshes import load_mesh
from hexplane.geometry.solid import canonical_solid
from hexplane.geometry.welding import usable, welded
from hexplane.geometry.writing import write_mesh
from hexplane.plumbing.errors import UserError

SCALES = [1e-30, 1e-8, 1e-7, 1.0, 1e11, 1e12, 1e30]


def _soup(ball: trimesh.Trimesh) -> trimesh.Trimesh:
    """Each face with corners of its own."""
    corners = np.arange(ball.faces.size).reshape(-1, 3)
    return trimesh.Trimesh(ball.triangles.reshape(-1, 3), corners, process=False)


@pytest.mark.parametrize("scale", SCALES)
def test_a_ball_of_any_size_keeps_its_faces(tmp_path, scale):
    ball = trimesh.creation.icosphere(4)
    scaled = trimesh.Trimesh(ball.vertices * scale, ball.faces, process=False)
    write_mesh(scaled, tmp_path / "ball.ply")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for mesh in (load_mesh(tmp_path / "ball.ply"), welded(_soup(scaled))):
            assert (len(mesh.vertices), len(mesh.faces)) == (2562, 5120)
            solid, _ = canonical_solid(mesh, "y", close=True)
            assert solid.source_faces == len(solid.mesh.faces) == 5120
            assert solid.mesh.volume == pytest.approx(4 / 3 * np.pi * 0.9**3, rel=0.01)
            assert solid.turned == solid.openings == solid.doubled == 0


@pytest.mark.parametrize("scale", SCALES)
def test_an_opening_is_closed_at_any_size(scale):
    ball = trimesh.creation.icosphere(3)
    cut = ball.faces[(ball.vertices[ball.faces][..., 1] > -0.7).any(axis=1)]
    bust = welded(trimesh.Trimesh(ball.vertices * scale, cut[:, ::-1], process=False))
    solid, _ = canonical_solid(bust, "y", close=True)
    assert (solid.openings, solid.turned) == (1, len(cut))
    assert solid.mesh.is_watertight


def test_vertices_keep_their_order_and_seams_are_joined():
    ball = trimesh.creation.icosphere(2)
    again = welded(_soup(ball))
    assert np.array_equal(again.vertices[again.faces], ball.vertices[ball.faces])
    assert again.is_watertight
    first = np.unique(ball.faces.reshape(-1), return_index=True)[1]
    order = ball.faces.reshape(-1)[np.sort(first)]
    assert np.array_equal(again.vertices, ball.vertices[order])


def test_only_faces_without_an_area_are_dropped():
    points = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [2, 0, 0], [0, 0, 0], [9, 9, 9], [1e-6, 0, 0]]
    faces = [[0, 1, 2], [0, 1, 3], [0, 4, 1], [0, 1, 1], [0, 6, 2]]
    mesh = welded(trimesh.Trimesh(np.array(points, dtype=float), faces, process=False))
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 3, 2]]
    assert len(mesh.vertices) == 4


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda v, f: (v, f[:0]), "no faces"),
        (lambda v, f: (v, f + 1), "a vertex that is not there"),
        (lambda v, f: (np.where(np.arange(len(v))[:, None] == f[0, 0], np.nan, v), f), "1 vert"),
        (lambda v, f: (v * 0, f), "zero extent"),
        (lambda v, f: (v * [1, 0, 0], f), "degenerate"),
    ],
)
def test_what_is_no_surface_is_refused_by_name(change, says):
    ball = trimesh.creation.icosphere(1)
    vertices, faces = change(np.array(ball.vertices), np.array(ball.faces))
    mesh = trimesh.Trimesh(vertices, faces, process=False, validate=False)
    with pytest.raises(UserError, match=f"^head: .*{says}"):
        usable(mesh, "head")
