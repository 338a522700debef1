"""Files that come from a page and go to it; on the disk they are in a temporary folder only."""

import tempfile
from pathlib import Path

import trimesh
import viser
from PIL import Image

from hexplane.geometry import frame
from hexplane.geometry.writing import write_mesh
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.formats import EXTENSIONS
from hexplane.studio.edits import Edit, from_yaml, head
from hexplane.studio.library import Library, Loaded, Said
from hexplane.studio.panel import LATENTS

PICTURE = (1280, 960)
"""Width and height in pixels."""
PATIENCE = 30
"""Seconds until a browser has to have sent its picture."""
FOLDER = "hexplane-"


def read(name: str, content: bytes, library: Library, up: frame.UpAxis, say: Said) -> Loaded | Edit:
    """A mesh or a latent, which is encoded, or an edit.

    Args:
        name: of the file, as its sender says.
        content: of the file.
        library: whose model encodes it.
        up: axis that points up in a mesh.
        say: told what is done, as it takes its time.

    Raises:
        UserError: it is none of these, or damaged.
    """
    suffix = Path(name).suffix.lower()
    if suffix in LATENTS[1:]:
        return from_yaml(_text(content, name), name)
    if suffix not in (*EXTENSIONS, *LATENTS):
        allowed = " ".join((*EXTENSIONS, *LATENTS))
        raise UserError(f"{name}: unknown format {suffix!r} (allowed: {allowed})")
    with tempfile.TemporaryDirectory(prefix=FOLDER) as folder:
        # No name that comes from outside becomes a path, and none of ours is told.
        path = Path(folder, f"file{suffix}")
        path.write_bytes(content)
        try:
            loaded = library.read(path, up, say)
        except UserError as error:
            raise UserError(str(error).replace(str(path), name)) from None
    stem = Path(name).stem or "file"
    stem += " (file)" if stem in library.heads else ""
    return loaded._replace(head=head(stem, loaded.head.file))


def mesh_file(mesh: trimesh.Trimesh, suffix: str) -> bytes:
    """A mesh as a file of the format that the suffix names."""
    with tempfile.TemporaryDirectory(prefix=FOLDER) as folder:
        path = Path(folder, f"head{suffix}")
        write_mesh(mesh, path)
        return path.read_bytes()


def picture(client: viser.ClientHandle) -> bytes:
    """What is on the screen, as a PNG.

    Raises:
        UserError: the browser sent none.
    """
    width, height = PICTURE
    try:
        seen = client.get_render(height, width, transport_format="png", timeout=PATIENCE)
    except (RuntimeError, TimeoutError) as error:
        raise UserError("The browser did not send its picture.") from error
    with tempfile.TemporaryDirectory(prefix=FOLDER) as folder:
        path = Path(folder, "head.png")
        Image.fromarray(seen).save(path)
        return path.read_bytes()


def _text(content: bytes, name: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise UserError(f"{name}: no text (allowed: UTF-8)") from None
