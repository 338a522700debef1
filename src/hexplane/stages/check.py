"""check: every source mesh is read once before anything is made of any."""

import sys
from pathlib import Path

from hexplane.geometry.meshes import check_meshes
from hexplane.plumbing.contents import is_sound, read_known, stamp
from hexplane.plumbing.files import sha256, write_json


def run(sources: list[Path], *, known: Path | None = None) -> None:
    """Read mesh files and name all that cannot be used.

    Args:
        sources: mesh files; `-` alone: one a line from the standard input, however many.
        known: list of the files found sound before, by size and times; those are not
            read again, and the list is brought up to date when all are sound.

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
    stamps = {path: stamp(path) for path in new if path.is_file()}
    check_meshes(new)
    if known is not None and new:
        others = {path: own for path, own in before.items() if Path(path).is_file()}
        write_json(known, others | {str(path): [*stamps[path], sha256(path)] for path in new})
