"""The file that says which heads are held out."""

from pathlib import Path

from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import read_json
from hexplane.plumbing.paths import NAME

SPLITS = ("train", "validation", "test")
GROUPS = (*SPLITS, "held_out")
"""Names of groups of heads in tables: no family may have one of them."""
OTHERS = "others"
"""The key of a split's file under which heads of other families stand, which are in no part."""


def read_split(path: Path) -> dict[str, list[str]]:
    """A split as it was written for a study; parts that are not there are empty.

    Heads of other families, which the file may name too, are none of it.

    Raises:
        UserError: the file is missing, or is no JSON mapping of parts to names.
    """
    found = read_json(path)
    sound = isinstance(found, dict) and all(
        part in SPLITS and isinstance(names, list) and all(map(_is_name, names))
        for part, names in found.items()
        if part != OTHERS
    )
    if not sound:
        raise UserError(f"{path}: not a split (allowed: lists of names by {', '.join(SPLITS)})")
    return {part: found.get(part, []) for part in SPLITS}


def _is_name(name: object) -> bool:
    return isinstance(name, str) and bool(NAME.fullmatch(name))
