"""What every backend reads of a mesh."""

from typing import NamedTuple

import numpy as np
import trimesh
from numpy.typing import NDArray


class Surface(NamedTuple):
    """Triangles with normals to interpolate, as plain arrays."""

    vertices: NDArray[np.float32]  # [V, 3]
    faces: NDArray[np.int32]  # [F, 3]
    normals: NDArray[np.float32]  # [V, 3], unit, angle-weighted


def surface_of(mesh: trimesh.Trimesh) -> Surface:
    """The surface of a mesh; nothing of it is tracked by trimesh any more."""
    # Copies: Embree's scene is built several times slower from trimesh's tracked arrays.
    return Surface(
        np.array(mesh.vertices, dtype=np.float32),
        np.array(mesh.faces, dtype=np.int32),
        np.array(mesh.vertex_normals, dtype=np.float32),
    )
