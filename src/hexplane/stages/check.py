"""check: every source mesh is read once before anything is made of any."""

import json
import sys
from pathlib import Path

from hexplane.geometry.meshes import check_meshes
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import write_json


def run(sources: list[Path], *, known: Path | None = None) -> None:
    """Read mesh files and name all that cannot be used.

    Args:
        sources: mesh files; `-` alone: one a line from the standard input, however many.
        known: list of the files found sound before, by size and time of change; those are not
            read again, and the list is brought up to date when all are sound.

    Raises:
        UserError: one line for each unusable file, all of them at once; or `known` is another
            file.
    """
    if sources == [Path("-")]:
        sources = [Path(line) for line in sys.stdin.read().splitlines()]
    sound = {str(path): _stamp(path) for path in sources if path.is_file()}
    before = _read(known) if known is not None else {}
    check_meshes([path for path in sources if before.get(str(path), "") != sound.get(str(path))])
    if known is not None and not sound.items() <= before.items():
        others = {path: stamp for path, stamp in before.items() if Path(path).is_file()}
        write_json(known, others | sound)


def _read(known: Path) -> dict[str, list[int]]:
    try:
        before = json.loads(known.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        before = None
    if not isinstance(before, dict) or not all(isinstance(own, list) for own in before.values()):
        raise UserError(f"{known}: no list of files found sound; delete it, or name another file")
    return before


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
