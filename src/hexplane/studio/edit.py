"""edit: what was done in the studio, again, without a page."""

from pathlib import Path

from hexplane.geometry.writing import write_mesh
from hexplane.model import latent_file
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import write_bytes
from hexplane.plumbing.formats import EXTENSIONS
from hexplane.studio.edits import read_edit
from hexplane.studio.library import Library, model_of
from hexplane.studio.replay import Replay


def run(
    file: Path, output: Path | None = None, *, model: Path | None = None, force: bool = False
) -> Path:
    """Make the head of an edit that the studio wrote: its mesh, or its latent file.

    Args:
        file: the edit, YAML.
        output: a mesh, or a latent file, .hxl; the edit's name with .ply when left out.
        model: folder of the model that the edit is of; looked for in results/ when left out.
        force: replace a file that is there.

    Returns:
        The mesh or latent file.

    Raises:
        UserError: the file holds no edit, or there is no model for it.
    """
    target = output or file.with_suffix(".ply")
    if target.suffix.lower() not in (*EXTENSIONS, latent_file.SUFFIX):
        allowed = " ".join((*EXTENSIONS, latent_file.SUFFIX))
        raise UserError(f"{target}: neither a mesh nor a latent file (allowed: {allowed})")
    if target.exists() and not force:
        raise UserError(f"{target}: is there (choose another name, or --force)")
    edit = read_edit(file)
    replay = Replay(Library(model or model_of(edit.model)).space)
    try:
        if target.suffix.lower() == latent_file.SUFFIX:
            write_bytes(target, replay.file(edit))
        else:
            write_mesh(replay.output(edit), target)
    except UserError as error:
        raise UserError(f"{file}: {error}") from None
    return target
