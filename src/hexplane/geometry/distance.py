"""Distances to meshes: libigl's, in canonical units."""

import igl
import numpy as np
import trimesh
from numpy.typing import NDArray


def _arrays(mesh: trimesh.Trimesh) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    return np.array(mesh.vertices, dtype=np.float64), np.array(mesh.faces, dtype=np.int64)


def signed_distance(points: NDArray[np.floating], mesh: trimesh.Trimesh) -> NDArray[np.float32]:
    """Distance float32 [N] from points [N, 3] to a mesh, negative inside.

    The sign is that of the fast winding number (Barill et al., Fast winding numbers for soups and
    clouds, SIGGRAPH 2018), so that open and multi-body scans have an inside too.
    """
    # Not igl.signed_distance: it multiplies by 1 - 2 w, also where w is between 0 and 1 or above.
    distance, _ = surface_distance(points, mesh)
    return np.where(inside(points, mesh), -distance, distance).astype(np.float32)


def surface_distance(
    points: NDArray[np.floating], mesh: trimesh.Trimesh
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distance [N] from points [N, 3] to the nearest face, and that face's index [N]."""
    queries = np.ascontiguousarray(points, dtype=np.float64)
    squared, face, _ = igl.point_mesh_squared_distance(queries, *_arrays(mesh))
    return np.sqrt(np.maximum(squared, 0)), face


def inside(points: NDArray[np.floating], mesh: trimesh.Trimesh) -> NDArray[np.bool_]:
    """Whether each point [N, 3] lies inside: generalised winding number above 1/2."""
    queries = np.ascontiguousarray(points, dtype=np.float64)
    return np.asarray(igl.fast_winding_number(*_arrays(mesh), queries)) > 0.5
