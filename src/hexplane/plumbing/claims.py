"""Nothing is replaced that this software did not write."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import tree_hashes
from hexplane.plumbing.manifests import read_manifest


def claim(manifest: Path, outputs: Iterable[Path], force: bool) -> None:
    """Refuse to replace a user's file, before there is any work to lose.

    A file is this software's when the manifest lists it, and it still is what was written.

    Args:
        manifest: where the manifest will be written.
        outputs: all else that will be written.
        force: replace whatever is there.

    Raises:
        UserError: a file, a folder or a manifest there is not this software's.
    """
    if force:
        return
    known: dict[Path, Any] = {}
    if manifest.exists():
        try:
            found = read_manifest(manifest)
        except UserError:
            raise _foreign(manifest) from None
        known |= {manifest.parent / name: value for name, value in found["files"].items()}
        # Tables of a report, by their places in the study.
        tables = found.get("tables", {})
        known |= {manifest.parents[1] / name: value for name, value in tables.items()}
    for output in outputs:
        hashes = tree_hashes(output) if output.exists() else {}
        if any(known.get(output.parent / name) != value for name, value in hashes.items()):
            raise _foreign(output)


def claim_by_magic(path: Path, magic: bytes, force: bool) -> None:
    """Refuse to replace a file that does not begin as this software's do.

    Raises:
        UserError: there is one, or a folder.
    """
    if force or not path.exists():
        return
    if path.is_dir() or path.read_bytes()[: len(magic)] != magic:
        raise _foreign(path)


def _foreign(path: Path) -> UserError:
    return UserError(
        f"{path}: would be replaced, and hexplane did not write it, or it was changed since "
        "(choose another name, or --force)"
    )
