"""Meshes that the check of all sources read, kept for `normalise`, so that it reads no file again.

A kept mesh is known by its file's path, size and times, and by the code that read it.
"""

import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import trimesh

from hexplane.geometry.meshes import load_with_content
from hexplane.plumbing.contents import stamp
from hexplane.plumbing.digests import code_digest, digest
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import replacing

ROOM = 4_000_000_000
"""Bytes that kept meshes take at most; the files of those beyond are read again."""


class Keeper:
    """Reads files and keeps their meshes, where there is room.

    Args:
        folder: where they are kept; None: none is.
        sources: whose meshes stay; all others are removed first.
        room: bytes for all of them.

    Attributes:
        contents: SHA-256 of each file that was read, by its path.
    """

    def __init__(self, folder: Path | None, sources: list[Path], room: float = ROOM) -> None:
        self.folder, self.room = folder, room
        self.contents: dict[str, str] = {}
        if folder is not None:
            wanted = {_place(source, folder) for source in sources if source.is_file()}
            for file in folder.glob("*.npz"):
                if file in wanted:
                    self.room -= file.stat().st_size
                else:
                    file.unlink(missing_ok=True)

    def read(self, source: Path) -> None:
        """Read a file.

        Raises:
            UserError: `load_mesh` refuses it.
        """
        # First: what changes meanwhile is kept under its old stamp, where nothing looks for it.
        place = _place(source, self.folder) if self.folder and source.is_file() else None
        mesh, content = load_with_content(source)
        self.contents[str(source)] = content
        vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
        size = vertices.nbytes + faces.nbytes
        if place is not None and size <= self.room:
            self.room -= size
            with suppress(UserError), replacing(place) as temporary:  # a full disk is no mistake
                np.savez(temporary, vertices=vertices, faces=faces, content=np.array(content))


def load_kept(source: Path, folder: Path | None) -> tuple[trimesh.Trimesh, str]:
    """A file's mesh as `load_mesh` reads it, kept or read now, and the file's SHA-256.

    Raises:
        UserError: `load_mesh` refuses the file.
    """
    if folder is not None:
        unusable = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)  # none, or damaged
        with suppress(*unusable), np.load(_place(source, folder)) as kept:
            mesh = trimesh.Trimesh(kept["vertices"], kept["faces"], process=False)
            return mesh, str(kept["content"])
    return load_with_content(source)


def drop(source: Path, folder: Path | None) -> None:
    """Give back the room of a file's mesh."""
    if folder is not None:
        with suppress(OSError):
            _place(source, folder).unlink()


def _place(source: Path, folder: Path) -> Path:
    """Where the mesh of a file as it is now is kept."""
    code = code_digest("hexplane.geometry.meshes")
    return folder / f"{digest([str(source), *stamp(source), code])}.npz"
