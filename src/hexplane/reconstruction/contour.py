"""Few polygons: six views as solids of outlined depth clusters, and what all six have in common."""

from bisect import bisect_left

import manifold3d
import numpy as np
import trimesh
from numpy.typing import NDArray

from hexplane.geometry import frame
from hexplane.geometry.distance import surface_distance
from hexplane.geometry.hexplane import Hexplane
from hexplane.geometry.simplified import ladder
from hexplane.reconstruction.relief import relief

FLAT = 0.1
"""Pixels by which vertices may leave planes and edges that they lie on, as rounding has it."""
SIMPLIFIED = 1.0
"""Pixels by which the common solid's surface may move while it loses vertices."""


def contour(views: Hexplane) -> trimesh.Trimesh:
    """The solid that lies behind the outlined depth clusters of six views; normals are not read.

    What six views carve is the intersection of what each leaves. Of solids made of polygons it is
    exact, closed and outward (manifold3d), which joins the views' faces where they meet.

    Returns:
        The mesh, canonical; without faces where the views leave nothing.

    Raises:
        ValueError: a view's polygons bound no solid.
    """
    size = views.resolution
    solids = []
    for view in range(6):
        if not views.occupancy[view].any():
            return trimesh.Trimesh()
        vertices, faces = relief(views.depth[view])
        axes = np.stack([frame.RIGHT[view], frame.UP[view], frame.TOWARD[view]])
        solids.append(_solid(vertices @ axes, faces))
    common = manifold3d.Manifold.batch_boolean(solids, manifold3d.OpType.Intersect)
    mesh = common.simplify(FLAT * 2 / size).to_mesh()
    exact = trimesh.Trimesh(mesh.vert_properties[:, :3], mesh.tri_verts, process=False)
    return _fewer(exact, SIMPLIFIED * 2 / size)


def _fewer(mesh: trimesh.Trimesh, tolerance: float) -> trimesh.Trimesh:
    """The mesh of fewest faces that is closed as this one is, and within a distance of it."""
    if len(mesh.faces) == 0:
        return mesh
    rungs = [
        found
        for rung in ladder(mesh)
        if (found := trimesh.Trimesh(rung.vertices, rung.faces, process=False)).is_volume
    ]

    def near(rung: trimesh.Trimesh) -> bool:
        pairs = ((mesh, rung), (rung, mesh))
        return all(surface_distance(_spread(a), b)[0].max() <= tolerance for a, b in pairs)

    last = bisect_left(rungs, True, key=lambda rung: not near(rung))
    return rungs[last - 1] if last else mesh


def _spread(mesh: trimesh.Trimesh) -> NDArray[np.float64]:
    """Vertices, and middles of edges and faces."""
    corners = np.asarray(mesh.triangles)
    middles = (corners + np.roll(corners, 1, axis=1)) / 2
    return np.vstack([mesh.vertices, middles.reshape(-1, 3), corners.mean(axis=1)])


def _solid(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> manifold3d.Manifold:
    used, corners = np.unique(faces, return_inverse=True)
    mesh = manifold3d.Mesh(
        vertices[used].astype(np.float32), corners.reshape(-1, 3).astype(np.uint32)
    )
    solid = manifold3d.Manifold(mesh)
    if solid.status() != manifold3d.Error.NoError:
        raise ValueError(f"a view's polygons bound no solid ({solid.status().name})")
    return solid
