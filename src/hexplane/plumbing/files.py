"""Writes that appear whole or not at all, and hashes of what was written."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hexplane.plumbing.ending import runs
from hexplane.plumbing.errors import UserError, system_error
from hexplane.plumbing.texts import TwiceError, parse_json, read_text

written: set[Path] = set()
"""What this process has written by `replacing`."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` that replaces it on success and is removed on failure.

    Works for files and folders. The folder above is made when it is not there.

    Raises:
        UserError: nothing can be written there, or `path` is a folder, and not one of those that
            a stage writes.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path}: no folder for it can be made ({error.strerror})") from None
    temporary = path.with_name(f".{path.name}.{_host()}-{os.getpid()}.tmp{path.suffix}")
    remove(temporary)  # of a killed process with this number: in a container, often the same one
    try:
        yield temporary
        if path.is_dir():
            if not (temporary.is_dir() and _may_be_replaced(path)):
                raise UserError(f"{path}: a folder, which is left alone; name a file or a store")
            shutil.rmtree(path)
        os.replace(temporary, path)
        written.add(path)
    except BaseException as error:
        remove(temporary)
        if isinstance(error, UserError):
            raise
        system = error if isinstance(error, OSError) else system_error(error)
        if system is not None and system.strerror:
            raise UserError(f"{path}: cannot be written ({system.strerror})") from error
        raise


def remove_left_over(folder: Path) -> None:
    """Remove what processes of this machine that were killed left under temporary names."""
    written = re.compile(rf"\..+\.{re.escape(_host())}-(\d+)\.tmp(\..*)?")
    for above, folders, files in os.walk(folder):
        for name in (*folders, *files):
            found = written.fullmatch(name)
            if found and not runs(int(found[1])):
                remove(Path(above, name))
        folders[:] = [name for name in folders if not name.endswith(".zarr")]


def _host() -> str:
    return os.uname().nodename.partition(".")[0]


def remove(path: Path) -> None:
    """Remove a file or a folder, where there is one and the file system takes it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _may_be_replaced(folder: Path) -> bool:
    """Whether a folder is a Zarr store, TensorBoard events or empty: no user's own files."""
    if (folder / "zarr.json").is_file():
        return True
    names = [file.name for file in folder.iterdir()]
    return all(name.startswith(("events.out.tfevents.", ".snakemake_timestamp")) for name in names)


def write_text(path: Path, text: str) -> None:
    """Write a text file at once."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file at once."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def read_bytes(path: Path) -> bytes:
    """What a file holds.

    Raises:
        UserError: it is missing, no file, or may not be read.
    """
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: not a file")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None


def write_json(path: Path, value: Any) -> None:
    """Write JSON for people and diffs: indented, keys in their order; NaN is refused."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        UserError: the file is missing, or is no strict JSON (`hexplane.plumbing.texts`).
    """
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: not a file")  # a folder, or one that never ends
    text = read_text(path)
    try:
        return parse_json(text)
    except TwiceError as error:
        raise UserError(f"{path}: {error}") from None
    except ValueError:
        raise UserError(f"{path}: not readable as JSON") from None


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def tree_hashes(path: Path) -> dict[str, str]:
    """SHA-256 of each file, by its name relative to the folder above `path` (a file or folder)."""
    files = sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]
    # Snakemake leaves a mark of its own in folders that are outputs.
    files = [file for file in files if file.name != ".snakemake_timestamp"]
    return {file.relative_to(path.parent).as_posix(): sha256(file) for file in files}
