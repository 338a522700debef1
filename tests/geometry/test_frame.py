"""Views, pixels and transforms against the table of the design, written out by hand."""

import numpy as np
import pytest

from hexplane.geometry import frame

# name: camera at, image right, image up
TABLE = [
    ("top", (0, 1, 0), (1, 0, 0), (0, 0, -1)),
    ("bottom", (0, -1, 0), (1, 0, 0), (0, 0, 1)),
    ("front", (0, 0, 1), (1, 0, 0), (0, 1, 0)),
    ("back", (0, 0, -1), (-1, 0, 0), (0, 1, 0)),
    ("left", (1, 0, 0), (0, 0, -1), (0, 1, 0)),
    ("right", (-1, 0, 0), (0, 0, 1), (0, 1, 0)),
]


def test_views_are_those_of_the_table():
    assert [tuple(view) for view in frame.VIEWS] == TABLE
    assert list(frame.VIEW_NAMES) == [name for name, *_ in TABLE]
    for index, (_, toward, right, up) in enumerate(TABLE):
        assert frame.TOWARD[index].tolist() == list(toward)
        assert frame.RIGHT[index].tolist() == list(right)
        assert frame.UP[index].tolist() == list(up)


def test_right_cross_up_points_to_the_camera():
    assert np.array_equal(np.cross(frame.RIGHT, frame.UP), frame.TOWARD)


def test_pixel_centres_run_right_and_down():
    right, up = frame.pixel_centres(4)
    assert right.tolist() == [-0.75, -0.25, 0.25, 0.75]
    assert up.tolist() == [0.75, 0.25, -0.25, -0.75]


def test_voxel_centres_ascend_over_the_cube():
    assert frame.voxel_centres(4).tolist() == [-0.75, -0.25, 0.25, 0.75]


# right, up, depth of (0.2, -0.4, 0.6) in each view
POINT = np.array([[0.2, -0.4, 0.6]])
PROJECTED = [
    (0.2, -0.6, 0.7),
    (0.2, 0.6, 0.3),
    (0.2, -0.4, 0.2),
    (-0.2, -0.4, 0.8),
    (-0.6, -0.4, 0.4),
    (0.6, -0.4, 0.6),
]


def test_project_a_point_worked_out_by_hand():
    assert np.allclose(frame.project(POINT)[:, 0], PROJECTED)


def test_unproject_places_each_pixel_by_hand():
    # R = 2: row 0, column 1 is (right, up) = (0.5, 0.5); depth 0.25 is 0.5 towards the camera.
    depth = np.full((6, 2, 2), 0.25)
    points = frame.unproject(depth)[:, 0, 1]
    assert np.allclose(
        points,
        [
            (0.5, 0.5, -0.5),
            (0.5, -0.5, 0.5),
            (0.5, 0.5, 0.5),
            (-0.5, 0.5, -0.5),
            (0.5, 0.5, -0.5),
            (-0.5, 0.5, 0.5),
        ],
    )


def test_unproject_inverts_project():
    depth = np.random.default_rng(0).uniform(0, 1, (6, 5, 5))
    points = frame.unproject(depth)
    right, up = frame.pixel_centres(5)
    for view in range(6):
        seen = frame.project(points[view].reshape(-1, 3))[view].reshape(5, 5, 3)
        assert np.allclose(seen[..., 0], right[None, :])
        assert np.allclose(seen[..., 1], up[:, None])
        assert np.allclose(seen[..., 2], depth[view])


def test_sentinel_alone_is_background():
    assert frame.occupancy(np.array([0.0, 0.999, 1.0])).tolist() == [True, True, False]


BOX = np.array([[0.0, 10.0, -4.0], [2.0, 14.0, 4.0]])  # centre (1, 12, 0), longest side z: 8


@pytest.mark.parametrize(
    ("up", "source", "expected"),
    [
        ("y", (1, 12, 0), (0, 0, 0)),
        ("y", (2, 14, 4), (0.225, 0.45, 0.9)),
        ("y", (0, 10, -4), (-0.225, -0.45, -0.9)),
        # z-up: +z becomes +y, -y becomes the front
        ("z", (1, 12, 0), (0, 0, 0)),
        ("z", (1, 12, 4), (0, 0.9, 0)),
        ("z", (1, 10, 0), (0, 0, 0.45)),
        ("z", (2, 12, 0), (0.225, 0, 0)),
    ],
)
def test_canonical_transform_moves_known_points(up, source, expected):
    transform = frame.canonical_transform(BOX, up)
    assert np.allclose(frame.apply_transform(transform, np.array([source])), [expected])


@pytest.mark.parametrize("up", ["y", "z"])
def test_canonical_transform_mirrors_nothing_and_can_be_undone(up):
    transform = frame.canonical_transform(BOX, up)
    assert np.linalg.det(transform[:3, :3]) > 0
    assert transform[3].tolist() == [0, 0, 0, 1]
    points = np.random.default_rng(0).normal(size=(20, 3))
    there = frame.apply_transform(transform, points)
    assert np.allclose(frame.apply_transform(np.linalg.inv(transform), there), points)
