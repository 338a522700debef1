"""Nothing is replaced that this software did not write."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import remove, tree_hashes, written
from hexplane.plumbing.manifests import read_manifest

_claims: list[tuple[Path, list[Path]]] = []
"""Manifests that this process will write, and all else that goes with each."""


def claim(manifest: Path, outputs: Iterable[Path], force: bool) -> None:
    """Refuse to replace a user's file, before there is any work to lose.

    A file is this software's when the manifest lists it, and it still is what was written. So
    what a job wrote before it failed has to go (`give_up`), or its next start would be refused.

    Args:
        manifest: where the manifest will be written.
        outputs: all else that will be written.
        force: replace whatever is there.

    Raises:
        UserError: a file, a folder or a manifest there is not this software's.
    """
    outputs = list(outputs)
    _claims.append((manifest, outputs))
    written.difference_update((manifest, *outputs))
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


def give_up() -> None:
    """Remove what this process wrote under claims whose manifests it has not written."""
    while _claims:
        manifest, outputs = _claims.pop()
        for path in outputs:
            if manifest not in written and path in written:
                remove(path)


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
