"""Text of mesh files: line ends, comments, and numbers whatever the white space between them."""

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hexplane.geometry.reading.surface import BadMesh, Floats, Integers

_SPACE = np.zeros(256, bool)
_SPACE[np.frombuffer(b" \t\n\r\v\f", np.uint8)] = True


def plain(data: bytes) -> bytes:
    """Text without byte-order mark and padding at its end, each line ended by one LF.

    Raises:
        BadMesh: the text is UTF-16.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadMesh("the text is UTF-16; save it as UTF-8")
    data = data.removeprefix(b"\xef\xbb\xbf").rstrip(b"\0\x1a")
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data


def without_comments(text: bytes) -> bytes:
    """Text without all that follows a # on its line."""
    return re.sub(rb"#[^\n]*", b"", text) if b"#" in text else text


def token_starts(text: bytes) -> NDArray[np.bool_]:
    """Whether a token starts at a byte [len(text)]."""
    space = _SPACE[np.frombuffer(text, np.uint8)]
    starts = ~space
    starts[1:] &= space[:-1]
    return starts


def tokens_per_row(text: bytes) -> Integers:
    """How many tokens each line has that has any."""
    starts = token_starts(text)
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
    before = np.concatenate([[0], np.cumsum(starts)[ends], [np.count_nonzero(starts)]])
    counts = np.diff(before)
    return counts[counts > 0]


def numbers(text: bytes, what: str) -> Floats:
    """All numbers of a text that holds nothing else.

    Raises:
        BadMesh: something is no number, with `what` it should have been.
    """
    if not text or text.isspace():
        return np.empty(0)
    try:
        return np.fromstring(text, sep=" ", dtype=np.float64)
    except ValueError:
        raise BadMesh(f"{what}: {_first(text, _is_float)!r} is no number") from None


def integers(text: bytes, what: str) -> Integers:
    """All integers of a text that holds nothing else; those beyond 64 bits are the largest of them.

    Raises:
        BadMesh: something is no integer, with `what` it should have been.
    """
    if not text or text.isspace():
        return np.empty(0, np.int64)
    try:
        return np.fromstring(text, sep=" ", dtype=np.int64)
    except ValueError:
        raise BadMesh(f"{what}: {_first(text, _is_integer)!r} is no whole number") from None


def whole(values: Floats, what: str) -> Integers:
    """Numbers that have to be integers.

    Raises:
        BadMesh: one is none, or is beyond what a float holds exactly.
    """
    good = np.abs(values) < 2.0**53  # not so for NaN
    good[good] = values[good] == np.floor(values[good])
    if not good.all():
        raise BadMesh(f"{what}: {values[~good][0]:g} is no whole number")
    return values.astype(np.int64)


def _is_float(token: bytes) -> bool:
    return _matches(token, float) and b"_" not in token


def _is_integer(token: bytes) -> bool:
    return _matches(token, int) and b"_" not in token


def _matches(token: bytes, kind: type[float] | type[int]) -> bool:
    try:
        kind(token)
    except ValueError:
        return False
    return True


def _first(text: bytes, good: Callable[[bytes], bool]) -> str:
    bad = next((token for token in text.split() if not good(token)), b"")
    return bad[:20].decode("ascii", "backslashreplace")
