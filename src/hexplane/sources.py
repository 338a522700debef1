"""Which mesh files are heads, and what each is called."""

from collections.abc import Collection, Mapping, Sequence
from glob import glob
from pathlib import Path

from hexplane.plumbing.errors import UserError
from hexplane.plumbing.formats import EXTENSIONS
from hexplane.plumbing.parse import told
from hexplane.plumbing.paths import LONGEST_NAME, NAME, RESULTS


def find_sources(
    asked: Mapping[str, Sequence[str]], folder: Path, generated: Collection[str] = ()
) -> dict[str, dict[str, str]]:
    """Files by the names of their heads, for each key of the configuration that asks for some.

    A file that several patterns of one key match is one head. No name may stand for two heads,
    under whatever keys, because their results would lie in the same files.

    Args:
        asked: patterns by the key that they stand under.
        folder: what patterns are relative to.
        generated: names of the heads that are generated.

    Raises:
        UserError: one line for each pattern that matches nothing and each unusable file.
    """
    found: dict[str, dict[str, str]] = {key: {} for key in asked}
    owners: dict[str, tuple[str, str]] = {}  # key and file of each name
    mistakes = []
    for key, patterns in asked.items():
        for pattern in patterns:
            there = (folder / pattern).is_file()  # whatever signs are in its name
            files = [pattern] if there else _matching(pattern, folder)
            if not files:
                mistakes.append(f"{key}: no file matches {pattern!r}")
            for file in files:
                wrong = _wrong(file)
                if not wrong:
                    name = Path(file).stem
                    own = owners.setdefault(name, (key, file))
                    wrong = _taken(key, file, own, folder, name in generated)
                    found[key].setdefault(name, file)
                if wrong:
                    mistakes.append(f"{key}: {wrong}")
    if mistakes:
        raise UserError(told(mistakes))
    return found


def _matching(pattern: str, folder: Path) -> list[str]:
    """Files that a pattern matches; `**` goes to any depth, but not among a study's results."""
    found = sorted(glob(pattern, root_dir=folder, recursive=True))
    if "**" not in pattern:
        return found  # a folder among them is named as a mistake
    results = pattern.startswith(f"{RESULTS}/")
    return [
        file
        for file in found
        if (folder / file).is_file() and (results or not file.startswith(f"{RESULTS}/"))
    ]


def _wrong(file: str) -> str:
    """What is wrong with a file's name, or nothing."""
    if not file.isprintable():
        return f"{file!r}: rename it (no line breaks or other control characters)"
    if "{" in file or "}" in file:
        return f"{file}: rename it (no braces, which stand for names in the workflow's paths)"
    if Path(file).suffix.lower() not in EXTENSIONS:
        return f"{file}: unknown mesh format (allowed: {' '.join(EXTENSIONS)})"
    if not NAME.fullmatch(Path(file).stem):
        return f"{file}: rename it (letters, digits, '.', '_' and '-' only)"
    if len(Path(file).stem) > LONGEST_NAME:
        return f"{file}: rename it (at most {LONGEST_NAME} letters)"
    return ""


def _taken(key: str, file: str, own: tuple[str, str], folder: Path, generated: bool) -> str:
    """Why a file's name cannot be its head's, or nothing; `own`: key and file that had it first."""
    if generated:
        return f"{file} has the name of a generated head: rename it, or set meshes.generate to 0"
    if own == (key, file):
        return ""
    same = (folder / own[1]).resolve() == (folder / file).resolve()  # a/b.ply and ./a/b.ply
    if same and own[0] == key:
        return ""
    if same:
        return f"{file} stands under {own[0]} as well (allowed: one of them)"
    return (
        f"{own[1]} and {file} share the name {Path(file).stem!r}: "
        "results would overwrite each other; rename one"
    )
