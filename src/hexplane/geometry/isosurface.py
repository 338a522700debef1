"""Meshes from fields by marching cubes."""

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

NUDGE = 1e-5
"""Least distance of any value from the level, as a share of the field's range."""


def marching_cubes(field: NDArray[np.floating], level: float, outside: float) -> trimesh.Trimesh:
    """The surface where a field crosses a level, in canonical coordinates.

    The grid is padded with the value `outside`, so that every solid is closed, also at the cube's
    faces. Faces point from the inside, where the field is above the level when `outside` is below
    it, to the outside.

    Args:
        field: [N, N, N] indexed x, y, z at the voxel centres of the canonical cube.
        level: value at the surface.
        outside: value outside the cube, on the outer side of the level.

    Returns:
        The mesh; it has no faces where the field never crosses the level.
    """
    # Imported here: an empty field needs none of it.
    from skimage import measure

    padded = np.pad(field, 1, constant_values=outside)
    if not padded.min() < level < padded.max():
        return trimesh.Trimesh()
    # A value on the level would give several vertices in one place, and edges of no length.
    nudge = NUDGE * np.ptp(padded)
    padded = np.where(np.abs(padded - level) < nudge, level + nudge, padded)
    direction = "ascent" if outside < level else "descent"
    vertices, faces, _, _ = measure.marching_cubes(padded, level, gradient_direction=direction)
    # Index i + 1 of the padded grid is the centre of voxel i.
    canonical = (vertices.astype(np.float64) - 0.5) / field.shape[0] * 2 - 1
    return trimesh.Trimesh(canonical, faces, process=False)


def drop_islands(mesh: trimesh.Trimesh, share: float) -> trimesh.Trimesh:
    """The mesh without components of less than `share` of the largest one's area."""
    faces = np.asarray(mesh.faces)
    if len(faces) == 0:
        return mesh
    # Each face ties its first corner to the other two; that is all that components need.
    ends = faces[:, [0, 1, 0, 2]].reshape(-1, 2).T
    size = len(mesh.vertices)
    graph = coo_array((np.ones(ends.shape[1], dtype=bool), tuple(ends)), shape=(size, size))
    parts, part = connected_components(graph, directed=False)
    if parts < 2:
        return mesh
    part = part[faces[:, 0]]
    areas = np.bincount(part, mesh.area_faces, parts)
    kept = faces[(areas >= share * areas.max())[part]]
    used = np.zeros(size, dtype=bool)
    used[kept] = True
    place = np.cumsum(used) - 1
    return trimesh.Trimesh(np.asarray(mesh.vertices)[used], place[kept], process=False)
