"""What a wrong `up` looks like, on shapes of heads that stand in a known way."""

import numpy as np
import pytest
import trimesh

from hexplane.geometry.heads import generate_head
from hexplane.geometry.pose import upright_hint
from hexplane.geometry.solid import canonical_solid

TURNS = {"y": np.eye(3), "z": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])}
"""From a head that stands along y to one along z."""


def bust(height: float = 1.4, neck: float = -0.75) -> trimesh.Trimesh:
    """A ball with its height along y, open below."""
    ball = trimesh.creation.icosphere(4)
    kept = ball.faces[(ball.vertices[ball.faces][..., 1] > neck).all(axis=1)]
    return trimesh.Trimesh(ball.vertices * [1.0, height, 1.1], kept, process=False)


def mask() -> trimesh.Trimesh:
    """A face that is open at its back."""
    ball = trimesh.creation.icosphere(4)
    kept = ball.faces[(ball.vertices[ball.faces][..., 2] > -0.2).all(axis=1)]
    return trimesh.Trimesh(ball.vertices * [0.8, 1.2, 0.9], kept, process=False)


def hint(mesh: trimesh.Trimesh, along: str, up: str) -> str:
    """The hint on a mesh that stands along an axis and is said to stand along another."""
    turned = trimesh.Trimesh(mesh.vertices @ TURNS[along].T * 250 + 40, mesh.faces, process=False)
    solid, transform = canonical_solid(turned, up, close=True)
    return upright_hint(solid, transform, up)


@pytest.mark.parametrize("make", [bust, mask, lambda: bust(neck=-2), lambda: generate_head(0)])
@pytest.mark.parametrize("up", ["y", "z"])
def test_a_head_that_stands_as_it_is_said_to_gets_none(make, up):
    assert hint(make(), up, up) == ""


@pytest.mark.parametrize("height", [1.4, 1.2])
@pytest.mark.parametrize(("along", "up"), [("y", "z"), ("z", "y")])
def test_the_necks_opening_tells_a_wrong_up(height, along, up):
    said = hint(bust(height), along, up)
    assert f"lies at -{along}, but up is {up}" in said
    assert (f"{along} is its longest axis" in said) == (height > 1.3)
    assert f"does up: {along} fit?" in said


@pytest.mark.parametrize(("along", "up"), [("y", "z"), ("z", "y")])
def test_of_a_closed_head_the_longest_axis_does(along, up):
    closed = bust(neck=-2)
    assert hint(closed, along, up) == (
        f"{along} is its longest axis, but up is {up} (does up: {along} fit?)"
    )


def test_what_no_up_mends_is_to_be_turned():
    over = bust()
    over.apply_transform(trimesh.transformations.rotation_matrix(np.pi, [1, 0, 0]))
    assert hint(over, "y", "y").endswith(
        "lies at +y, but up is y, and y is its longest axis; turn it"
    )
    side = bust(neck=-2)
    side.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, [0, 0, 1]))
    assert hint(side, "y", "y") == "x is its longest axis, but up is y; turn it"


def test_small_openings_are_no_neck():
    ball = trimesh.creation.icosphere(4)
    kept = ball.faces[(ball.vertices[ball.faces][..., 2] > -0.97).all(axis=1)]
    eye = trimesh.Trimesh(ball.vertices * [1, 1.1, 1.2], kept, process=False)
    assert canonical_solid(eye, "y", close=True)[0].openings == 1
    assert hint(eye, "y", "y") == ""
