"""Mesh files in, checked and welded."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import trimesh

from hexplane.geometry import frame
from hexplane.geometry.reading import BadMesh, read_surface
from hexplane.geometry.welding import usable
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.formats import EXTENSIONS

OFF_CENTRE = 1e-4
"""Canonical units by which the bounding box of a normalised mesh may be off: rounding, and more."""


def load_mesh(path: Path) -> trimesh.Trimesh:
    """One welded mesh in the file's own units and frame; the bodies of a scene are joined.

    Raises:
        UserError: the file is missing, unreadable, truncated, or holds no usable surface.
    """
    return _welded(path, _bytes_of(path))


def load_with_content(path: Path) -> tuple[trimesh.Trimesh, str]:
    """What `load_mesh` gives, and the SHA-256 of the file, which is read once.

    Raises:
        UserError: as `load_mesh`.
    """
    data = _bytes_of(path)
    return _welded(path, data), hashlib.sha256(data).hexdigest()


def _bytes_of(path: Path) -> bytes:
    allowed = " ".join(EXTENSIONS)
    if path.suffix.lower() not in EXTENSIONS:
        raise UserError(f"{path}: unknown mesh format {path.suffix!r} (allowed: {allowed})")
    if path.is_dir():
        raise UserError(f"{path}: a folder, not a mesh file")
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty")
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error
    except MemoryError as error:
        raise UserError(f"{path}: takes more memory than there is") from error


def _welded(path: Path, data: bytes) -> trimesh.Trimesh:
    try:
        surface = read_surface(data, path.suffix.lower())
    except BadMesh as error:
        raise UserError(f"{path}: not a readable {path.suffix[1:].upper()} ({error})") from error
    except MemoryError as error:
        raise UserError(f"{path}: takes more memory than there is") from error
    mesh = trimesh.Trimesh(surface.vertices, surface.faces, process=False, validate=False)
    return usable(mesh, str(path))


def normalise(mesh: trimesh.Trimesh, up: frame.UpAxis) -> tuple[trimesh.Trimesh, frame.Array]:
    """A mesh moved into the canonical cube, and the source-to-canonical transform [4, 4]."""
    transform = frame.canonical_transform(mesh.vertices, up)
    return moved(mesh, transform), transform


def moved(mesh: trimesh.Trimesh, transform: frame.Array) -> trimesh.Trimesh:
    """A mesh under an affine transform [4, 4]; it may be without faces."""
    vertices = frame.apply_transform(transform, np.asarray(mesh.vertices).reshape(-1, 3))
    return trimesh.Trimesh(vertices, mesh.faces, process=False)


def check_meshes(paths: list[Path], load: Callable[[Path], object] = load_mesh) -> None:
    """Load every file and name all the bad ones at once.

    Raises:
        UserError: one line for each file that `load` refuses.
    """
    mistakes = []
    for path in paths:
        try:
            load(path)
        except UserError as error:
            mistakes.append(str(error))
    if mistakes:
        raise UserError("\n".join(mistakes))


def read_mesh(path: Path) -> trimesh.Trimesh:
    """A mesh that this project wrote, as it was written.

    Raises:
        UserError: the file is missing or is no mesh.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        mesh: trimesh.Trimesh = trimesh.load_scene(path, process=False).to_mesh()
    except Exception as error:
        raise UserError(f"{path}: not a readable mesh") from error
    return mesh


def read_canonical(path: Path) -> trimesh.Trimesh:
    """A mesh in the canonical cube, possibly without faces.

    Raises:
        UserError: the file is missing or is no mesh, or it lies elsewhere.
    """
    mesh = read_mesh(path)
    # Marching cubes closes a solid up to a voxel outside the cube.
    if len(mesh.faces) and not np.abs(mesh.bounds).max() <= 1.125:
        raise UserError(
            f"{path}: reaches out of the canonical cube [-1, 1]^3; is it in its source's "
            "coordinates? (extract --canonical leaves it in the cube)"
        )
    return mesh


def read_normalised(path: Path) -> trimesh.Trimesh:
    """A normalised mesh.

    Raises:
        UserError: the file is missing or is no mesh, or it was never normalised.
    """
    mesh = read_mesh(path)
    if len(mesh.faces) == 0:
        raise UserError(f"{path}: no faces")
    low, high = mesh.bounds
    off = max(np.abs(low + high).max() / 2, abs((high - low).max() / 2 - frame.HALF_EXTENT))
    if not off <= OFF_CENTRE:
        raise UserError(
            f"{path}: not normalised: it is not centred with a longest half-extent of "
            f"{frame.HALF_EXTENT} (hexplane normalise makes it so)"
        )
    return mesh
