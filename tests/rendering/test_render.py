"""Rendered views against closed forms and positions worked out by hand."""

import numpy as np
import pytest
import trimesh

from conftest import MARKER_SIDE
from hexplane.geometry import frame
from hexplane.plumbing.errors import UserError
from hexplane.rendering.select import select_backend

R = 64
VIEWS = {name: index for index, name in enumerate(frame.VIEW_NAMES)}


@pytest.fixture(scope="module")
def ball(renderer, sphere):
    return renderer.render(sphere, R)


@pytest.fixture(scope="module")
def box(renderer):
    return renderer.render(trimesh.creation.box(extents=(1.2, 0.8, 0.4)), R)


def _grid(resolution: int = R):
    c = (np.arange(resolution) + 0.5) / resolution * 2 - 1
    return c[None, :], -c[:, None]  # right, up


def test_shapes_types_and_background(ball):
    assert ball.depth.shape == (6, R, R)
    assert ball.depth.dtype == np.float32
    assert ball.normal.shape == (6, 3, R, R)
    assert ball.normal.dtype == np.float32
    assert ball.resolution == R
    outside = ~ball.occupancy
    assert outside[:, 0, 0].all()
    assert np.all(ball.depth[outside] == 1.0)
    assert np.all(ball.normal.transpose(0, 2, 3, 1)[outside] == 0)
    assert ball.depth[~outside].max() < 1


@pytest.mark.parametrize("view", range(6))
def test_sphere_depth_and_normal_in_closed_form(ball, view):
    right, up = _grid()
    height = np.sqrt(np.maximum(0.64 - right**2 - up**2, 0))
    steep = right**2 + up**2 < 0.72**2
    assert np.abs(ball.depth[view] - (1 - height) / 2)[steep].max() < 5e-4
    expected = sum(
        c[..., None] * np.array(axis, dtype=float)
        for c, axis in (
            (right + 0 * up, frame.VIEWS[view].right),
            (up + 0 * right, frame.VIEWS[view].up),
            (height, frame.VIEWS[view].toward),
        )
    )
    got = ball.normal[view].transpose(1, 2, 0)[steep]
    assert np.abs(got - expected[steep] / 0.8).max() < 5e-3
    assert np.allclose(np.linalg.norm(got, axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize("view", range(6))
def test_sphere_covers_its_disc(ball, view):
    right, up = _grid()
    rho = np.sqrt(right**2 + up**2)
    sure = np.abs(rho - 0.8) > 1e-3
    assert np.array_equal(ball.occupancy[view][sure], (rho < 0.8)[sure])
    assert ball.occupancy[view].sum() == pytest.approx(np.pi * (0.8 * R / 2) ** 2, rel=0.02)


# half the box's size along image right, up and towards the camera: 0.6 x, 0.4 y, 0.2 z
@pytest.mark.parametrize(
    ("name", "half"),
    [
        ("top", (0.6, 0.2, 0.4)),
        ("bottom", (0.6, 0.2, 0.4)),
        ("front", (0.6, 0.4, 0.2)),
        ("back", (0.6, 0.4, 0.2)),
        ("left", (0.2, 0.4, 0.6)),
        ("right", (0.2, 0.4, 0.6)),
    ],
)
def test_box_is_flat_and_covers_its_rectangle(box, name, half):
    right, up = _grid()
    inside = (np.abs(right) < half[0]) & (np.abs(up) < half[1])
    view = VIEWS[name]
    assert np.array_equal(box.occupancy[view], inside)
    assert np.abs(box.depth[view][inside] - (1 - half[2]) / 2).max() < 1e-6


def test_normals_of_a_cube_are_angle_weighted(renderer):
    # Corner normals (+-1, +-1, +-1) / sqrt 3, however the faces are cut into triangles, and linear
    # between: at (x, y) on the front face the normal is along (x / h, y / h, 1).
    h = 0.7
    image = renderer.render(trimesh.creation.box(extents=[2 * h] * 3), R)
    right, up = _grid()
    inside = (np.abs(right) < h) & (np.abs(up) < h)
    along = np.stack(np.broadcast_arrays(right / h, up / h, np.ones((R, R))))
    expected = along / np.linalg.norm(along, axis=0)
    front = image.normal[VIEWS["front"]]
    assert np.abs(front - expected)[:, inside].max() < 1e-5


def test_hole_of_a_torus_is_seen_along_its_axis_only(renderer, torus):
    views = renderer.render(torus, R)
    middle = views.occupancy[:, R // 2 - 4 : R // 2 + 4, R // 2 - 4 : R // 2 + 4]
    assert not middle[[VIEWS["top"], VIEWS["bottom"]]].any()
    assert middle[[VIEWS["front"], VIEWS["back"], VIEWS["left"], VIEWS["right"]]].all()
    ring = np.pi * ((0.85) ** 2 - 0.35**2) * (R / 2) ** 2
    assert views.occupancy[VIEWS["top"]].sum() == pytest.approx(ring, rel=0.02)


# (row, column) and coordinate towards the camera of the boxes x, y, z, R = 20, by hand from
# row = 9.5 - 10 up, column = 9.5 + 10 right
MARKED = {
    "top": {"x": (11, 18, 0.05), "y": (13, 7, 0.75), "z": (16, 14, -0.55)},
    "bottom": {"x": (8, 18, -0.05), "y": (6, 7, -0.75), "z": (3, 14, 0.55)},
    "front": {"x": (9, 18, 0.15), "y": (2, 7, 0.35), "z": (15, 14, 0.65)},
    "back": {"x": (9, 1, -0.15), "y": (2, 12, -0.35), "z": (15, 5, -0.65)},
    "left": {"x": (9, 8, 0.85), "y": (2, 6, -0.25), "z": (15, 3, 0.45)},
    "right": {"x": (9, 11, -0.85), "y": (2, 13, 0.25), "z": (15, 16, -0.45)},
}


@pytest.mark.parametrize("name", MARKED)
def test_markers_appear_where_the_hand_puts_them(renderer, marker, name):
    views = renderer.render(marker, 20)
    depth = views.depth[VIEWS[name]]
    expected = np.ones((20, 20))
    for row, column, toward in MARKED[name].values():
        expected[row, column] = (1 - (toward + MARKER_SIDE / 2)) / 2
    assert np.abs(depth - expected).max() < 1e-6
    hit = depth < 1
    assert np.allclose(
        views.normal[VIEWS[name]][:, hit].T, frame.VIEWS[VIEWS[name]].toward, atol=1e-5
    )


def test_opposite_silhouettes_are_mirror_images(renderer, marker):
    seen = renderer.render(marker, 40).occupancy
    view = {name: seen[index] for name, index in VIEWS.items()}
    assert np.array_equal(view["bottom"], view["top"][::-1])
    assert np.array_equal(view["back"], view["front"][:, ::-1])
    assert np.array_equal(view["right"], view["left"][:, ::-1])
    assert not np.array_equal(view["back"], view["front"])


def test_normals_of_an_inside_out_mesh_face_the_camera(renderer, sphere, ball):
    turned = sphere.copy()
    turned.invert()
    views = renderer.render(turned, R)
    assert np.allclose(views.depth, ball.depth, atol=1e-6)
    assert np.allclose(views.normal, ball.normal, atol=1e-5)
    facing = np.einsum("vcij,vc->vij", views.normal, frame.TOWARD)
    assert facing[views.occupancy].min() > 0


def test_a_sheet_seen_edge_on_leaves_other_views_whole(renderer):
    sheet = trimesh.Trimesh([[-0.5, 0.01, -0.5], [0.5, 0.01, -0.5], [0, 0.01, 0.5]], [[0, 1, 2]])
    seen = renderer.render(sheet, R).occupancy
    for name in ("top", "bottom"):
        assert seen[VIEWS[name]].sum() == pytest.approx(0.5 * (R / 2) ** 2, rel=0.05)
    assert not seen[VIEWS["front"]].any()


def test_a_missing_backend_is_a_clear_line(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "hexplane.rendering.embree", None)
    with pytest.raises(UserError, match=r"embree is not installed; run `pip install embreex`"):
        select_backend("embree")
