"""Mesh files out: no format loses digits without a word."""

from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray

from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import replacing
from hexplane.plumbing.formats import EXTENSIONS

EXACT = 1e-7
"""Share of a mesh's extent by which a written coordinate may be off."""
DECIMALS = {".obj": 8, ".off": 10}
"""Least decimals of text; small meshes take more."""


def write_mesh(mesh: trimesh.Trimesh, path: Path) -> None:
    """Write a mesh, possibly without faces, in the format of the name's extension.

    Coordinates survive to `EXACT`. Where 32 bits are too few for that, as far from the origin, PLY
    takes 64, and GLB puts the mesh in its place by a node; STL cannot.

    Raises:
        UserError: the format is unknown, or cannot hold this mesh.
    """
    kind = path.suffix.lower()
    if kind not in EXTENSIONS:
        raise UserError(f"{path}: unknown mesh format (allowed: {' '.join(EXTENSIONS)})")
    vertices = np.asarray(mesh.vertices, dtype=np.float64).reshape(-1, 3)
    short = _fits_float32(vertices)
    with replacing(path) as temporary:
        if kind == ".ply":
            temporary.write_bytes(_ply(vertices, np.asarray(mesh.faces), "<f4" if short else "<f8"))
        elif kind in DECIMALS:
            mesh.export(temporary, file_type=kind[1:], digits=_decimals(vertices, kind))
        elif short:
            mesh.export(temporary, file_type=kind[1:])
        elif kind == ".glb" and _fits_float32(vertices - _middle(vertices)):
            temporary.write_bytes(_placed_glb(mesh, _middle(vertices)))
        else:
            raise UserError(
                f"{path}: {kind[1:].upper()} has 32 bits a coordinate, too few so far from the "
                "origin (allowed: .ply .obj .off)"
            )


def _fits_float32(vertices: NDArray[np.float64]) -> bool:
    if len(vertices) == 0:
        return True
    with np.errstate(over="ignore"):
        error = np.abs(vertices.astype(np.float32) - vertices).max()
    return bool(error <= EXACT * np.ptp(vertices, axis=0).max())


def _middle(vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the bounding box."""
    return np.asarray((vertices.min(axis=0) + vertices.max(axis=0)) / 2)


def _decimals(vertices: NDArray[np.float64], kind: str) -> int:
    extent = np.ptp(vertices, axis=0).max() if len(vertices) else 1.0
    return max(DECIMALS[kind], int(np.ceil(-np.log10(EXACT * extent))) + 1)


def _placed_glb(mesh: trimesh.Trimesh, place: NDArray[np.float64]) -> bytes:
    """A GLB whose node moves the mesh to its place: the JSON that says so has 64 bits."""
    local = trimesh.Trimesh(mesh.vertices - place, mesh.faces, process=False)
    scene = trimesh.Scene()
    scene.add_geometry(local, transform=trimesh.transformations.translation_matrix(place))
    return bytes(scene.export(file_type="glb"))


def _ply(vertices: NDArray[np.float64], faces: NDArray[np.integer], kind: str) -> bytes:
    """A binary PLY; trimesh's own writer knows float32 only, and no mesh without faces."""
    name = {"<f4": "float", "<f8": "double"}[kind]
    header = (
        "ply\nformat binary_little_endian 1.0\n"
        f"element vertex {len(vertices)}\n"
        + "".join(f"property {name} {axis}\n" for axis in "xyz")
        + f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    rows = np.empty(len(faces), dtype=[("count", "u1"), ("corners", "<i4", 3)])
    rows["count"], rows["corners"] = 3, faces.reshape(-1, 3)
    return header.encode() + vertices.astype(kind).tobytes() + rows.tobytes()
