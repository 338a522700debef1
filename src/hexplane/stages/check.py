"""check: every source mesh is read once before anything is made of any."""

import sys
from pathlib import Path

from hexplane.geometry.kept import Keeper
from hexplane.geometry.meshes import check_meshes
from hexplane.plumbing.contents import is_sound, read_known, stamp
from hexplane.plumbing.files import write_json


def run(sources: list[Path], *, known: Path | None = None, kept: Path | None = None) -> None:
    """Read mesh files and name all that cannot be used.

    Args:
        sources: mesh files; `-` alone: one a line from the standard input, however many.
        known: list of the files found sound before, by size and times; those are not
            read again, and the list is brought up to date when all are sound.
        kept: folder in which `normalise` finds the meshes that were read.

    Raises:
        UserError: one line for each unusable file, all of them at once; or `known` is another
            file.
    """
    if sources == [Path("-")]:
        sources = [Path(line) for line in sys.stdin.read().splitlines()]
    before = read_known(known) if known is not None else {}
    new = [
        path for path in sources if not (path.is_file() and is_sound(path, before.get(str(path))))
    ]
    # First: of a file that changes meanwhile the old stamp is kept, and it is read again.
    stamps = {str(path): stamp(path) for path in new if path.is_file()}
    keeper = Keeper(kept, sources)
    check_meshes(new, keeper.read)
    if known is not None and new:
        others = {path: own for path, own in before.items() if Path(path).is_file()}
        found = {path: [*stamps[path], keeper.contents[path]] for path in stamps}
        write_json(known, others | found)
