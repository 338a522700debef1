"""A closed sheet draped over six views: smooth, and dense as their grids are."""

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy import ndimage

from hexplane.geometry import frame, fusion
from hexplane.geometry.hexplane import Hexplane
from hexplane.geometry.isosurface import marching_cubes

SHARE = 0.445
"""Cells of the sheet along the cube's side, by the views' pixels: a fifth of the vertices that a
sheet of a cell a pixel has."""
COARSEST = 16
"""Cells along the cube's side at least."""
STEPS = 3
"""So often the sheet is laid onto the views."""
REACH = 1.0
"""Cells that a vertex is moved by at most in a step; a surface farther off is another one."""
GRAZING = 0.3
"""Cosine of a view's angle from which on it sees a vertex at all."""


def cloth(views: Hexplane) -> trimesh.Trimesh:
    """A sheet of even triangles, each vertex where the views that see it have the surface.

    A sheet for each view would have to be cut where another view sees the surface better, and
    sewn up along the cuts. So there is one from the start, the views' carved solid on a coarse
    grid, which is closed and outward, holes and all; it is laid onto each view's depth between its
    pixels. Where several views see a vertex, each counts by its squared cosine, and none where it
    sees another surface; what no view sees stays where carving has it.

    Returns:
        The mesh, canonical; without faces where the views leave nothing.
    """
    cells = max(COARSEST, round(SHARE * views.resolution))
    field = fusion.carve(views.occupancy.astype(np.float32), views.depth, views.normal, cells)
    sheet = marching_cubes(field, 0.5, 0.0)
    for _ in range(STEPS if len(sheet.faces) else 0):
        moved = sheet.vertices + _offsets(sheet, views, REACH * 2 / cells)
        sheet = trimesh.Trimesh(moved, sheet.faces, process=False)
    return sheet


def _offsets(sheet: trimesh.Trimesh, views: Hexplane, reach: float) -> NDArray[np.float64]:
    """Ways [V, 3] from vertices to the surface that views see beside them."""
    total = np.zeros((len(sheet.vertices), 3))
    weights = np.full(len(total), np.finfo(float).tiny)
    size = views.resolution
    for view, seen in enumerate(frame.project(np.asarray(sheet.vertices))):
        right, up, depth = seen.T
        pixels = np.stack([(1 - up) / 2, (right + 1) / 2]) * size - 0.5
        images = np.stack([views.depth[view], views.occupancy[view], *views.normal[view]])
        surface, covered, *normal = (
            ndimage.map_coordinates(np.asarray(image, dtype=np.float64), pixels, order=1)
            for image in images
        )
        direction = np.stack(normal, axis=1)
        direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-12)
        cosine = direction @ frame.TOWARD[view]
        distance = 2 * (depth - surface) * cosine  # along the normal, outwards
        own = np.minimum(cosine, sheet.vertex_normals @ frame.TOWARD[view])
        sees = (covered > 0.999) & (own > GRAZING) & (np.abs(distance) < reach)
        weight = np.where(sees, cosine**2, 0)
        total += (weight * distance)[:, None] * direction
        weights += weight
    return total / weights[:, None]
