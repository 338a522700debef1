"""The file that says which heads are held out."""

from pathlib import Path

from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import read_json

SPLITS = ("train", "validation", "test")


def read_split(path: Path) -> dict[str, list[str]]:
    """A split as it was written for a study; parts that are not there are empty.

    Raises:
        UserError: the file is missing, or is no JSON mapping of parts to names.
    """
    found = read_json(path)
    sound = isinstance(found, dict) and all(
        part in SPLITS and isinstance(names, list) and all(isinstance(n, str) for n in names)
        for part, names in found.items()
    )
    if not sound:
        raise UserError(f"{path}: not a split (allowed: lists of names by {', '.join(SPLITS)})")
    return {part: found.get(part, []) for part in SPLITS}
