"""What a mesh of polygons costs, and how near it comes: vertices, bytes, distances."""

from typing import Any

import DracoPy
import numpy as np
import trimesh

from hexplane.geometry.distance import surface_distance
from hexplane.metrics.comparison import Comparison

DRACO_BITS = 12
"""Of each coordinate in Draco's code, as a share of the mesh's longest extent."""


def measure_polygons(
    mesh: trimesh.Trimesh, target: trimesh.Trimesh, samples: int, seed: int
) -> dict[str, Any]:
    """Vertices, faces, distances, closedness and bytes of a mesh against its target.

    Hausdorff's distance is the greatest of those of `samples` seeded points a side and of all
    vertices, as a share of the diagonal of the target's bounding box. Distances of an empty mesh
    are infinite, given as None.
    """
    comparison = Comparison(mesh, target, samples, seed)
    counts = {"vertices": len(mesh.vertices), "faces": len(mesh.faces)}
    if comparison.empty:
        nothing = {"hausdorff_share": None, "chamfer_l1": None, "closed": False, "draco_bytes": 0}
        return counts | nothing
    pairs = ((mesh, target), (target, mesh))
    farthest = [surface_distance(np.asarray(a.vertices), b)[0].max() for a, b in pairs]
    hausdorff = max(comparison.there.max(), comparison.back.max(), *farthest)
    code = DracoPy.encode(
        np.asarray(mesh.vertices, dtype=np.float32),
        np.asarray(mesh.faces, dtype=np.int32),
        quantization_bits=DRACO_BITS,
        compression_level=10,
    )
    return counts | {
        "hausdorff_share": float(hausdorff / np.linalg.norm(target.extents)),
        "chamfer_l1": float((comparison.there.mean() + comparison.back.mean()) / 2),
        "closed": comparison.outward,
        "draco_bytes": len(code),
    }
