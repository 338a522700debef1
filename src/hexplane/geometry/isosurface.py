"""Meshes from fields by marching cubes."""

from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

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
    parts = mesh.split(only_watertight=False)
    if len(parts) < 2:
        return mesh
    largest = max(part.area for part in parts)
    kept: Any = trimesh.util.concatenate([p for p in parts if p.area >= share * largest])
    return trimesh.Trimesh(kept.vertices, kept.faces, process=False)
