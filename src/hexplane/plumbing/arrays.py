"""What a Zarr store says of its arrays, checked before any of them is read.

A store may come from somebody else. What it declares has to be what this software writes, so that
no few bytes stand for more memory than the expected array takes: the shape, float32, whole chunks
along the first axis, and Zstd frames of just a chunk's size.
"""

from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import read_json

Shape = tuple[int | str, ...]
"""An array's shape; a letter stands for one number, wherever it is there."""

_CODECS = ["bytes", "zstd"]
_FRAME = b"\x28\xb5\x2f\xfd"
_HEADER = 18
"""Most bytes of a Zstd frame's header."""


def declared(
    path: Path, shapes: Mapping[str, Shape], most: Mapping[str, int]
) -> dict[str, tuple[int, ...]]:
    """Shapes of a store's arrays; their chunks are there, and their values not read.

    Args:
        path: the store.
        shapes: expected ones, by the array's name.
        most: greatest number that each letter may stand for.

    Raises:
        UserError: the store or an array is missing, damaged, or not as this software writes it.
    """
    group_attributes(path)
    numbers: dict[str, int] = {}
    found = {}
    for name, expected in shapes.items():
        shape, first = _layout(path, name)
        same = len(shape) == len(expected) and all(
            own == (numbers.setdefault(wanted, own) if isinstance(wanted, str) else wanted)
            for own, wanted in zip(shape, expected, strict=True)
        )
        if not same:
            allowed = ", ".join(str(numbers.get(str(wanted), wanted)) for wanted in expected)
            raise UserError(f"{path}: {name!r} has the shape {list(shape)} (allowed: [{allowed}])")
        for letter in [wanted for wanted in expected if isinstance(wanted, str)]:
            if numbers[letter] > most[letter]:
                raise UserError(
                    f"{path}: {name!r} has the shape {list(shape)} "
                    f"(allowed: at most {most[letter]} for {letter})"
                )
        _check_chunks(path, name, shape, first)
        found[name] = shape
    return found


def group_attributes(path: Path) -> dict[str, Any]:
    """Attributes of a store's group.

    Raises:
        UserError: there is no readable store.
    """
    group = path / "zarr.json"
    if not group.exists():
        raise UserError(f"{path}: no such Zarr store")
    about = read_json(group)
    found = about.get("attributes", {}) if isinstance(about, dict) else None
    if not isinstance(found, dict) or about.get("node_type") != "group":
        raise UserError(f"{path}: not a readable Zarr store")
    return found


def layout(path: Path, name: str) -> tuple[tuple[int, ...], list[Path]]:
    """An array's shape, whatever it is, and the files of its chunks, which are there.

    Raises:
        UserError: the array or a chunk is missing, or not as this software writes it.
    """
    shape, first = _layout(path, name)
    _check_chunks(path, name, shape, first)
    return shape, list(_chunk_files(path, name, shape, first))


def _chunk_files(path: Path, name: str, shape: tuple[int, ...], first: int) -> Iterator[Path]:
    """Files of chunks of `first` entries along the first axis."""
    rest = ["0"] * (len(shape) - 1)
    return (Path(path, name, "c", str(index), *rest) for index in range(-(-shape[0] // first)))


def _layout(path: Path, name: str) -> tuple[tuple[int, ...], int]:
    """An array's shape, and entries along its first axis in a chunk."""
    file = path / name / "zarr.json"
    if not file.exists():
        raise UserError(f"{path}: no array {name!r} in this Zarr store")
    about = read_json(file)
    try:
        shape = about["shape"]
        chunk = about["chunk_grid"]["configuration"]["chunk_shape"]
        codecs = [codec["name"] for codec in about["codecs"]]
        keys = about["chunk_key_encoding"]
        sound = (
            about["zarr_format"] == 3
            and about["node_type"] == "array"
            and about["data_type"] == "float32"
            and about["chunk_grid"]["name"] == "regular"
            and codecs == _CODECS
            and about["codecs"][0]["configuration"]["endian"] == "little"
            and keys == {"name": "default", "configuration": {"separator": "/"}}
            and not about.get("storage_transformers")
            and isinstance(shape, list)
            and isinstance(chunk, list)
            and all(type(number) is int and number > 0 for number in (*shape, *chunk))
            and len(shape) > 0
            and chunk in ([1, *shape[1:]], shape)
        )
    except (KeyError, IndexError, TypeError, AttributeError):
        sound = False
    if not sound:
        raise UserError(
            f"{path}: {name!r} is not laid out as hexplane writes it "
            "(allowed: float32, in chunks of whole views or of all values, Zstd)"
        )
    return tuple(shape), chunk[0]


def _check_chunks(path: Path, name: str, shape: tuple[int, ...], first: int) -> None:
    size = 4 * first * prod(shape[1:])
    for file in _chunk_files(path, name, shape, first):
        if not file.is_file():
            raise UserError(f"{path}: a chunk of {name!r} is missing ({file.relative_to(path)})")
        with file.open("rb") as stream:
            header = stream.read(_HEADER)
        # What cannot be compressed grows by less than this.
        longest = size + size // 128 + 1024
        if _content_size(header) != size or file.stat().st_size > longest:
            raise UserError(
                f"{path}: damaged Zarr store ({file.relative_to(path)} is no chunk of {size} bytes)"
            )


def _content_size(header: bytes) -> int | None:
    """Bytes that a Zstd frame says it holds; None where it does not say. RFC 8878, 3.1.1."""
    if len(header) < 6 or header[:4] != _FRAME:
        return None
    descriptor = header[4]
    kind, single = descriptor >> 6, bool(descriptor & 0x20)
    width = (1 if single else 0, 2, 4, 8)[kind]
    start = 5 + (not single) + (0, 1, 2, 4)[descriptor & 3]
    if not width or len(header) < start + width:
        return None
    value = int.from_bytes(header[start : start + width], "little")
    return value + 256 if kind == 1 else value
