"""Meshes of any size, and however far from the origin, come back in every format or are refused."""

import numpy as np
import pytest
import trimesh

from hexplane.geometry import frame
from hexplane.geometry.meshes import load_mesh, moved
from hexplane.geometry.solid import canonical_solid
from hexplane.geometry.writing import write_mesh
from hexplane.plumbing.errors import UserError

FAR = (500_000.0, 5_400_000.0, 300.0)
HEAD = 0.2


def _head(scale: float = HEAD, place: tuple[float, float, float] = FAR) -> trimesh.Trimesh:
    ball = trimesh.creation.icosphere(4, 0.5)
    return trimesh.Trimesh(
        ball.vertices * [0.8, 1.0, 0.9] * scale + place, ball.faces, process=False
    )


@pytest.mark.parametrize("kind", ["ply", "obj", "off", "glb"])
@pytest.mark.parametrize(
    ("scale", "place"),
    [(HEAD, FAR), (HEAD, (0.0, 1.7, 0.0)), (1e-8, (0, 0, 0)), (1e-8, (1, 0, 0)), (1e12, (0, 0, 0))],
    ids=["far", "standing", "tiny", "tiny and far", "huge"],
)
def test_coordinates_survive_to_a_millionth_of_the_size(tmp_path, kind, scale, place):
    head = _head(scale, place)
    path = tmp_path / f"head.{kind}"
    write_mesh(head, path)
    back = load_mesh(path)
    assert np.array_equal(back.faces, head.faces)
    assert np.abs(back.vertices - head.vertices).max() < 1e-6 * scale


def test_stl_refuses_what_it_cannot_hold(tmp_path):
    write_mesh(_head(place=(0.0, 0.05, 0.0)), tmp_path / "near.stl")
    with pytest.raises(UserError, match=r"far\.stl: STL .*so far from the origin.*\.ply"):
        write_mesh(_head(), tmp_path / "far.stl")
    assert [file.name for file in tmp_path.iterdir()] == ["near.stl"]


def test_a_canonical_mesh_takes_32_bits(tmp_path):
    ball = trimesh.creation.icosphere(3, 0.9)
    write_mesh(ball, tmp_path / "ball.ply")
    data = (tmp_path / "ball.ply").read_bytes()
    assert b"property float x" in data
    assert len(data) < 12 * len(ball.vertices) + 13 * len(ball.faces) + 300


@pytest.mark.parametrize("up", ["y", "z"])
def test_there_and_back_costs_no_digits(up):
    head = _head()
    solid, transform = canonical_solid(head, up, close=True)
    assert np.abs(solid.mesh.bounds).max() == pytest.approx(0.9, abs=1e-7)
    back = moved(solid.mesh, np.linalg.inv(transform))
    assert np.abs(back.vertices - head.vertices).max() < 1e-7 * HEAD
    small = canonical_solid(_head(1.0, (0.0, 0.0, 0.0)), up, close=True)[0].mesh
    assert np.abs(solid.mesh.vertices - small.vertices).max() < 1e-7
    assert np.abs(frame.apply_transform(transform, np.array([FAR]))).max() < 1e-7


@pytest.mark.parametrize("kind", ["obj", "off", "stl", "glb", "ply"])
def test_an_empty_mesh_is_written_in_every_format(tmp_path, kind):
    write_mesh(trimesh.Trimesh(), tmp_path / f"nothing.{kind}")
    assert (tmp_path / f"nothing.{kind}").stat().st_size
