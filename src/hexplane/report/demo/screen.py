"""Meshes small enough for the screen, packed as text."""

import base64

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hexplane.geometry.distance import surface_distance

EXTENT = 1.1
"""Half-side of the cube, in canonical units, that int16 coordinates span: turned meshes and the
extraction's padding may leave the canonical one."""

Packed = dict[str, str]


def pack(
    mesh: trimesh.Trimesh, faces: int, original: trimesh.Trimesh | None = None, far: float = 1.0
) -> Packed:
    """A mesh with about `faces` faces at most, as base64 of little-endian arrays.

    Args:
        mesh: in the canonical frame.
        faces: quadric decimation stops there; 2 to 65,000, so that indices fit 16 bits.
        original: if given, each vertex gets its distance to this mesh. It is that of the nearest
            vertex before decimation, whose own error is left out.
        far: distance in canonical units that 255 stands for, and anything farther.

    Returns:
        v: int16 [V, 3], coordinates in units of EXTENT / 32767; f: uint16 [F, 3]; with `original`
        also d: uint8 [V].
    """
    small = mesh
    if len(mesh.faces) > faces:
        small = mesh.simplify_quadric_decimation(face_count=faces)
    # Only vertices that a face uses: 16-bit indices reach no further than that.
    used, flat = np.unique(np.asarray(small.faces), return_inverse=True)
    vertices = np.asarray(small.vertices)[used]
    packed = {
        "v": _text(np.clip(vertices / EXTENT, -1, 1) * 32767, "<i2"),
        "f": _text(flat, "<u2"),
    }
    if original is not None:
        _, nearest = cKDTree(np.asarray(mesh.vertices)).query(vertices)
        distance, _ = surface_distance(np.asarray(mesh.vertices)[nearest], original)
        packed["d"] = _text(np.clip(distance / far, 0, 1) * 255, "<u1")
    return packed


def _text(values: NDArray[np.floating] | NDArray[np.integer], kind: str) -> str:
    return base64.b64encode(np.round(values).astype(kind).tobytes()).decode()
