"""Vertices in one place made one, whatever a mesh's units are and wherever it lies."""

import numpy as np
import trimesh
from numpy.typing import NDArray

from hexplane.plumbing.errors import UserError

GRID = 2**26
"""Steps along a mesh's longest extent: places that round to the same steps are one."""
MIXED = 0x9E3779B97F4A7C15 - 2**64
"""An odd factor, so that different places rarely get the same number of 64 bits."""


def usable(mesh: trimesh.Trimesh, name: str) -> trimesh.Trimesh:
    """A mesh welded, or why there is nothing to work with.

    Args:
        mesh: in any units.
        name: what a refusal calls it.

    Raises:
        UserError: there is no usable surface.
    """
    vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    if len(faces) == 0:
        raise UserError(f"{name}: no faces (a point cloud, or cut short?)")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise UserError(f"{name}: a face names a vertex that is not there (cut short?)")
    used = np.zeros(len(vertices), dtype=bool)
    used[faces] = True
    bad = used & ~np.isfinite(vertices).all(axis=1)
    if bad.any():
        raise UserError(f"{name}: {bad.sum()} vertices are NaN or infinite")
    if not np.ptp(vertices[used], axis=0).any():
        raise UserError(f"{name}: zero extent (all vertices in one place)")
    whole = welded(mesh)
    if len(whole.faces) == 0:
        raise UserError(f"{name}: every face is degenerate (no area)")
    return whole


def welded(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """A copy welded by position alone, without degenerate faces and unused vertices.

    STL repeats every corner, and textured files split seams. Vertices stay in their order.

    Args:
        mesh: with finite vertices.
    """
    vertices = np.asarray(mesh.vertices, dtype=np.float64)
    faces = np.asarray(mesh.faces, dtype=np.int64)
    if len(faces) == 0:
        return trimesh.Trimesh()
    vertices, faces = _of_use(vertices, faces)
    low = vertices.min(axis=0)
    extent = max(np.ptp(vertices, axis=0).max(), np.finfo(float).tiny)
    unit = (vertices - low) / extent
    first, group = _places(np.rint(unit * GRID).astype(np.int64))
    vertices, unit, faces = vertices[first], unit[first], group[faces]
    faces = faces[_has_area(unit, faces)]
    return trimesh.Trimesh(*_of_use(vertices, faces), process=False)


def _of_use(
    vertices: NDArray[np.float64], faces: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Vertices that some face has, and the faces that name them."""
    used = np.zeros(len(vertices), dtype=bool)
    used[faces] = True
    return vertices[used], (np.cumsum(used) - 1)[faces]


def _places(steps: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first of each group of equal rows [P], in their order, and each row's group [V]."""
    x, y, z = steps.T
    if np.diff(np.sort((x * MIXED + y) * MIXED + z)).all():  # none can be equal
        return np.arange(len(steps)), np.arange(len(steps))
    # Two of the three steps fit into 64 bits beside each other, and so do a pair's rank and one.
    _, pair = np.unique(x * (GRID + 1) + y, return_inverse=True)
    _, first, group = np.unique(
        pair.reshape(-1) * (GRID + 1) + z, return_index=True, return_inverse=True
    )
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[group.reshape(-1)]


def _has_area(unit: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which faces [F] have three corners that are not on one line; `unit` has an extent of 1."""
    columns = np.ascontiguousarray(unit.T)  # single ones are gathered faster
    a, b, c = (columns[:, corner] for corner in faces.T)
    (x, y, z), (u, v, w) = b - a, c - a
    area = (y * w != z * v) | (z * u != x * w) | (x * v != y * u)
    i, j, k = faces.T
    return np.asarray(area & (i != j) & (j != k) & (k != i))
