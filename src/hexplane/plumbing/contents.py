"""What source files hold, remembered by their sizes and times, so that none is hashed twice."""

import json
from pathlib import Path

from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import sha256

Known = dict[str, list[int | str]]
"""Stamp and SHA-256 of each file that was found sound, by its path."""


def read_known(known: Path) -> Known:
    """The files of a list; none where there is no list.

    Raises:
        UserError: it is another file.
    """
    try:
        before = json.loads(known.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        before = None
    if not isinstance(before, dict) or not all(isinstance(own, list) for own in before.values()):
        raise UserError(f"{known}: no list of files found sound; delete it, or name another file")
    return before


def stamp(path: Path) -> list[int | str]:
    """Size and times of a file; that of its last change of any kind tells what `cp -p` hides."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def is_sound(path: Path, own: list[int | str] | None) -> bool:
    """Whether a file is as it was when it was found sound; `own`: what a list says of it."""
    return own is not None and len(own) == 4 and own[:3] == stamp(path)


def content(path: Path, own: list[int | str] | None) -> str:
    """SHA-256 of a file; `own`: what a list says of it."""
    return str(own[3]) if own is not None and is_sound(path, own) else sha256(path)
