"""Mesh files in, checked and welded; mesh files out."""

import warnings
from pathlib import Path

import numpy as np
import trimesh

from hexplane.errors import UserError
from hexplane.files import replacing

EXTENSIONS = (".obj", ".ply", ".stl", ".glb", ".off")


def load_mesh(path: Path) -> trimesh.Trimesh:
    """One welded mesh in the file's own units and frame; the bodies of a scene are joined.

    Raises:
        UserError: the file is missing, unreadable, truncated, or holds no usable surface.
    """
    allowed = " ".join(EXTENSIONS)
    if path.suffix.lower() not in EXTENSIONS:
        raise UserError(f"{path}: unknown mesh format {path.suffix!r} (allowed: {allowed})")
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters is checked below
            mesh = trimesh.load_scene(path, process=False).to_mesh()
    except Exception as error:  # trimesh's readers raise anything at all on bad bytes
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise UserError(f"{path}: not a readable {path.suffix[1:].upper()} ({reason})") from error
    _check(mesh, path)
    # Welded by position alone: STL repeats every corner, and textured files split seams.
    mesh = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    mesh.update_faces(mesh.nondegenerate_faces(height=0))
    mesh.remove_unreferenced_vertices()
    if len(mesh.faces) == 0:
        raise UserError(f"{path}: every face is degenerate (no area)")
    return mesh


def _check(mesh: trimesh.Trimesh, path: Path) -> None:
    vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    if len(vertices) == 0:
        raise UserError(f"{path}: no vertices")
    if len(faces) == 0:
        raise UserError(f"{path}: no faces (a point cloud, or cut short?)")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise UserError(f"{path}: a face names a vertex that is not there (cut short?)")
    bad = int((~np.isfinite(vertices[np.unique(faces)])).any(axis=1).sum())
    if bad:
        raise UserError(f"{path}: {bad} vertices are NaN or infinite")
    extent = np.ptp(vertices[np.unique(faces)], axis=0)
    if extent.max() <= 0:
        raise UserError(f"{path}: zero extent (all vertices in one place)")


def check_meshes(paths: list[Path]) -> None:
    """Load every file and name all the bad ones at once.

    Raises:
        UserError: one line for each file that `load_mesh` refuses.
    """
    mistakes = []
    for path in paths:
        try:
            load_mesh(path)
        except UserError as error:
            mistakes.append(str(error))
    if mistakes:
        raise UserError("\n".join(mistakes))


def read_normalised(path: Path) -> trimesh.Trimesh:
    """A mesh that this project wrote, as it was written.

    Raises:
        UserError: the file is missing or is no mesh.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        mesh = trimesh.load_scene(path, process=False).to_mesh()
    except Exception as error:
        raise UserError(f"{path}: not a readable mesh") from error
    return mesh


def write_mesh(mesh: trimesh.Trimesh, path: Path) -> None:
    """Write a mesh, possibly without faces, in the format of the name's extension."""
    if path.suffix.lower() not in EXTENSIONS:
        raise UserError(f"{path}: unknown mesh format (allowed: {' '.join(EXTENSIONS)})")
    with replacing(path) as temporary:
        if len(mesh.faces) == 0 and path.suffix.lower() == ".ply":
            temporary.write_bytes(_EMPTY_PLY)  # trimesh writes no empty mesh
        else:
            mesh.export(temporary, file_type=path.suffix[1:].lower())


_EMPTY_PLY = b"""ply
format binary_little_endian 1.0
element vertex 0
property float x
property float y
property float z
element face 0
property list uchar int vertex_indices
end_header
"""
