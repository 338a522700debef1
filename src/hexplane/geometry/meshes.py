"""Mesh files in, checked and welded."""

import re
import warnings
from pathlib import Path

import numpy as np
import trimesh

from hexplane.geometry import frame
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
        _check_text(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters is checked below
            mesh = trimesh.load_scene(path, process=False).to_mesh()
    except Exception as error:  # trimesh's readers raise anything at all on bad bytes
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise UserError(f"{path}: not a readable {path.suffix[1:].upper()} ({reason})") from error
    return usable(mesh, str(path))


def normalise(mesh: trimesh.Trimesh, up: frame.UpAxis) -> tuple[trimesh.Trimesh, frame.Array]:
    """A mesh moved into the canonical cube, and the source-to-canonical transform [4, 4]."""
    transform = frame.canonical_transform(mesh.vertices, up)
    return moved(mesh, transform), transform


def moved(mesh: trimesh.Trimesh, transform: frame.Array) -> trimesh.Trimesh:
    """A mesh under an affine transform [4, 4]; it may be without faces."""
    vertices = frame.apply_transform(transform, np.asarray(mesh.vertices).reshape(-1, 3))
    return trimesh.Trimesh(vertices, mesh.faces, process=False)


def _check_text(path: Path) -> None:
    """What trimesh's readers of text let through: missing rows, and OBJ's invalid index 0.

    Raises:
        ValueError: says what is wrong.
    """
    data = path.read_bytes()
    kind = path.suffix.lower()
    if kind == ".obj" and re.search(rb"^f\b.*[ \t]0(?:[/\s]|$)", data, re.MULTILINE):
        raise ValueError("a face names vertex 0, but the first one is 1")
    if kind == ".off":
        rows = [row for line in data.splitlines() if (row := line.partition(b"#")[0].split())]
        first, *rows = rows if rows[0][-1].isdigit() else rows[1:]
        vertices, faces, *_ = (int(count) for count in first if count.isdigit())
        _check_rows(rows, vertices + faces, lists=faces > 0)
    if kind == ".ply" and re.search(rb"^format[ \t]+ascii", data[:200], re.MULTILINE):
        header, _, body = data.partition(b"end_header")
        counts = [int(n) for n in re.findall(rb"^element\s+\S+\s+(\d+)", header, re.MULTILINE)]
        last = header.rpartition(b"\nelement")[2].split(b"property", 1)[-1].split()
        rows = [row for line in body.splitlines() if (row := line.split())]
        _check_rows(rows, sum(counts), lists=counts[-1] > 0 and last[0] == b"list")


def _check_rows(rows: list[list[bytes]], expected: int, lists: bool) -> None:
    """`lists`: the last row starts with how many values follow."""
    if len(rows) < expected:
        raise ValueError(f"{len(rows)} of {expected} rows: cut short")
    if lists and len(rows[expected - 1]) <= int(rows[expected - 1][0]):
        raise ValueError("the last row is cut short")


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
