"""Polygons as triangles: the right area, whatever their shape."""

import numpy as np
import pytest

from hexplane.geometry.meshes import load_mesh
from hexplane.geometry.reading.polygons import MOST_CORNERS, fan, strip, triangulated
from hexplane.geometry.reading.surface import BadMesh

ARROW = np.array([[0, 0], [4, 0], [4, 4], [2, 1], [0, 4]], float)  # area 10 of a square's 16


def _prism(outline: np.ndarray) -> str:
    n = len(outline)
    rows = [f"v {x} {y} {z}" for z in (0, 1) for x, y in outline]
    faces = [list(range(n, 0, -1)), list(range(n + 1, 2 * n + 1))]
    faces += [[i + 1, (i + 1) % n + 1, (i + 1) % n + n + 1, i + n + 1] for i in range(n)]
    return "\n".join([*rows, *("f " + " ".join(map(str, f)) for f in faces)]) + "\n"


def _area(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = vertices[faces].transpose(1, 0, 2)
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def _shoelace(outline: np.ndarray) -> float:
    x, y = outline.T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)


@pytest.mark.parametrize("turn", range(5))
def test_prism_over_a_concave_pentagon_has_its_area_and_volume(tmp_path, turn):
    outline = np.roll(ARROW, turn, axis=0)
    (tmp_path / "a.obj").write_text(_prism(outline))
    mesh = load_mesh(tmp_path / "a.obj")
    sides = np.linalg.norm(outline - np.roll(outline, 1, axis=0), axis=1).sum()
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(10)
    assert mesh.area == pytest.approx(2 * 10 + sides)
    assert mesh.area == pytest.approx(39.2, abs=0.05)


@pytest.mark.parametrize("seed", range(8))
def test_stars_in_any_plane_keep_their_area_their_edges_and_their_side(seed):
    rng = np.random.default_rng(seed)
    counts = np.array([3, 4, 5, 9, 4, 40, 3, 4])
    normals, flat = [], []
    points = []
    for n in counts:  # a star around its centre is simple, whatever its radii are
        angle = np.sort(rng.uniform(0, 1, n)) * 0.5 + np.arange(n)
        radius = rng.uniform(0.1, 1, n)
        outline = radius[:, None] * np.stack([np.cos(a := angle * 2 * np.pi / n), np.sin(a)], 1)
        frame, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        points.append(outline @ frame[:, :2].T + rng.normal(size=3) * 100)
        normals.append(np.cross(frame[:, 0], frame[:, 1]))
        flat.append(outline)
    vertices = np.concatenate(points)
    faces = triangulated(vertices, np.arange(counts.sum()), counts)
    assert len(faces) == (counts - 2).sum()
    polygon = np.repeat(np.arange(len(counts)), counts)[faces]
    assert (polygon == polygon[:, :1]).all()
    assert (np.diff(polygon[:, 0]) >= 0).all()  # in the polygons' order
    first = 0
    for i, n in enumerate(counts):
        own = faces[polygon[:, 0] == i]
        assert _area(vertices, own) == pytest.approx(_shoelace(flat[i]), rel=1e-9)
        a, b, c = vertices[own].transpose(1, 0, 2)
        assert (np.cross(b - a, c - a) @ normals[i] > -1e-9).all()
        edges = {tuple(e) for t in own for e in (t[[0, 1]], t[[1, 2]], t[[2, 0]])}
        rim = {(first + k, first + (k + 1) % n) for k in range(n)}
        assert rim == {(u, v) for u, v in edges if (v, u) not in edges}
        first += n


@pytest.mark.parametrize("n", [4, 5, 9])
def test_a_polygon_that_is_there_twice_gives_the_same_triangles_twice(n):
    angles = np.arange(n) * 2 * np.pi / n
    vertices = np.stack([np.cos(angles), np.sin(angles), 0.1 * np.cos(2 * angles)], axis=1)
    ring = np.arange(n)
    for again in (ring[::-1], *(np.roll(ring, i) for i in range(n)), np.roll(ring[::-1], 2)):
        faces = triangulated(vertices, np.r_[ring, again], np.array([n, n]))
        first, second = np.split(np.sort(faces, axis=1), 2)
        assert {tuple(face) for face in first} == {tuple(face) for face in second}


def test_a_straight_corner_stays_a_corner():
    # A fan from the first corner would lose vertex 1, and with it the edge to the neighbour.
    for n, outline in (
        (4, [[0, 0], [1, 0], [2, 0], [1, 2]]),
        (5, [[0, 0], [1, 0], [2, 0], [2, 2], [0, 2]]),
    ):
        vertices = np.column_stack([outline, np.zeros(n)])
        faces = triangulated(vertices, np.arange(n), np.array([n]))
        a, b, c = vertices[faces].transpose(1, 0, 2)
        good = np.linalg.norm(np.cross(b - a, c - a), axis=1) > 0
        assert good.all() and set(faces.ravel()) == set(range(n))


def test_a_hole_reached_through_a_slit_stays_a_hole():
    outline = [[0, 0], [4, 0], [4, 4], [0, 4], [0, 0], [1, 1], [1, 3], [3, 3], [3, 1], [1, 1]]
    vertices = np.column_stack([outline, np.zeros(10)]).astype(float)
    assert _area(vertices, triangulated(vertices, np.arange(10), np.array([10]))) == pytest.approx(
        12
    )


def test_polygons_without_area_are_divided_somehow():
    vertices = np.zeros((6, 3))
    assert triangulated(vertices, np.arange(6), np.array([6])).shape == (4, 3)


def test_what_cannot_be_divided_is_named():
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
    with pytest.raises(BadMesh, match="face 2 has 2 corners"):
        triangulated(square, np.array([0, 1, 2, 0, 1]), np.array([3, 2]))
    with pytest.raises(BadMesh, match="not there"):
        triangulated(square, np.array([0, 1, 4]), np.array([3]))
    n = MOST_CORNERS + 2
    angle = np.arange(n) * 2 * np.pi / n
    radius = 1 + 0.1 * (np.arange(n) % 2)
    star = np.stack([radius * np.cos(angle), radius * np.sin(angle), 0 * angle], axis=1)
    with pytest.raises(BadMesh, match=r"concave face of 10,002 corners"):
        triangulated(star, np.arange(n), np.array([n]))


def test_strips_and_fans_turn_one_way():
    grid = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 2, 0]], float)
    rim = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
    for points, faces in ((grid, strip(np.arange(5))), (rim, fan(np.arange(4)))):
        a, b, c = points[faces].transpose(1, 0, 2)
        assert (np.cross(b - a, c - a)[:, 2] > 0).all()
    assert len(strip(np.arange(2))) == len(fan(np.arange(0))) == 0
