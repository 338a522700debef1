"""Triangles of polygons, concave ones too, and of strips and fans."""

import numpy as np

from hexplane.geometry.reading.surface import BadMesh, Floats, Integers, check_indices

MOST_CORNERS = 10_000
"""Of a concave polygon: ear clipping takes seconds for these, and minutes for ten times as many."""


def triangulated(vertices: Floats, corners: Integers, counts: Integers) -> Integers:
    """Triangles [F, 3] of polygons, in the polygons' order: a polygon of n corners gives n - 2.

    Convex polygons are fanned from the first of their vertices in the file, so that a face that is
    there twice, in whatever turn, gives the same triangles twice. A quad that this diagonal would
    leave is cut along the other one. Other polygons are projected along their area vector (Newell)
    and triangulated by manifold3d, the library that also closes generated heads.

    Args:
        vertices: [V, 3].
        corners: the vertices of all polygons, one polygon after another.
        counts: corners of each polygon.

    Raises:
        BadMesh: a polygon has fewer than 3 corners, a vertex that is not there, or too many
            corners for a concave one.
    """
    if len(counts) and counts.min() < 3:
        raise BadMesh(f"face {np.argmax(counts < 3) + 1:,} has {counts[counts < 3][0]} corners")
    check_indices(corners, len(vertices))
    first = np.cumsum(counts) - counts
    place = np.cumsum(counts - 2) - (counts - 2)
    faces = np.empty((int((counts - 2).sum()), 3), np.int64)
    for n in np.unique(counts):
        which = np.flatnonzero(counts == n)
        polygons = corners[first[which, None] + np.arange(n)]
        triangles = _of_equal(vertices, polygons)
        faces[(place[which, None] + np.arange(n - 2)).ravel()] = triangles.reshape(-1, 3)
    return faces


def _of_equal(vertices: Floats, polygons: Integers) -> Integers:
    """Triangles [P, n - 2, 3] of polygons [P, n]."""
    n = polygons.shape[1]
    if n > 3:
        start = polygons.argmin(axis=1)[:, None]
        polygons = np.take_along_axis(polygons, (start + np.arange(n)) % n, axis=1)
    steps = np.arange(1, n - 1)
    triangles = np.stack(
        [
            np.broadcast_to(polygons[:, :1], (len(polygons), n - 2)),
            *(polygons[:, steps + i] for i in (0, 1)),
        ],
        axis=2,
    )
    if n == 3:
        return triangles
    points = vertices[polygons]
    with np.errstate(invalid="ignore", over="ignore"):
        points = points - points[:, :1]
        area = np.cross(points[:, 1:-1], points[:, 2:]).sum(axis=1)  # twice the area vector
        area /= np.linalg.norm(area, axis=1, keepdims=True).clip(min=np.finfo(float).tiny)
        before, after = np.roll(points, 1, axis=1), np.roll(points, -1, axis=1)
        turns = np.einsum("pnk,pk->pn", np.cross(points - before, after - points), area)
        size = np.square(points).sum(axis=2).max(axis=1)
    # A straight corner is no convex one: a fan would leave its vertex out of every triangle.
    odd = np.flatnonzero((turns <= 1e-12 * size[:, None]).any(axis=1) & np.isfinite(size))
    if n == 4:  # the corner that turns least has to lie on the diagonal
        other = odd[np.isin(np.argmin(turns[odd], axis=1), (1, 3))]
        triangles[other] = polygons[other][:, [[0, 1, 3], [1, 2, 3]]]
        return triangles
    if len(odd) and n > MOST_CORNERS:
        raise BadMesh(f"a concave face of {n:,} corners (at most {MOST_CORNERS:,})")
    for polygon in odd:
        if area[polygon].any():  # else it has no area to divide
            triangles[polygon] = polygons[polygon][_ears(points[polygon], area[polygon])]
    return triangles


def _ears(points: Floats, normal: Floats) -> Integers:
    """Triangles [n - 2, 3] of one polygon [n, 3], seen along its unit normal."""
    from manifold3d import triangulate

    right = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    right /= np.linalg.norm(right)
    flat = points @ np.stack([right, np.cross(normal, right)], axis=1)
    triangles = np.asarray(triangulate([flat / np.abs(flat).max()]), np.int64)
    if len(triangles) != len(points) - 2:
        raise BadMesh(f"a face of {len(points)} corners crosses itself and cannot be divided")
    return triangles


def strip(corners: Integers) -> Integers:
    """Triangles [n - 2, 3] of a strip, all turned the way of its first."""
    steps = np.arange(max(0, len(corners) - 2))
    odd = steps % 2
    return np.stack([corners[steps], corners[steps + 1 + odd], corners[steps + 2 - odd]], axis=1)


def fan(corners: Integers) -> Integers:
    """Triangles [n - 2, 3] of a fan around its first corner."""
    steps = np.arange(max(0, len(corners) - 2))
    return np.stack([corners[steps + 1], corners[steps + 2], corners[0 * steps]], axis=1)
