"""Symbols to bytes and back by asymmetric numeral systems, with integer tables of probabilities.

Duda, Asymmetric numeral systems, arXiv 0902.0271; the coder is that of `constriction` (Bamler,
Understanding entropy coding with asymmetric numeral systems, arXiv 2201.01741).

Tables are uint32 [T, A + 1], cumulative: row t begins with 0 and ends with the total, 2^k with k
at most 24, and A at least 2. Symbol s of 0 to A - 2 owns the slots from entry s to s + 1; the last
symbol, A - 1, is the escape of every other integer. A symbol without a slot can be coded too, at
24 bits.

Floats differ in their last bits between processors, and one wrong probability ruins a file. The
coder takes its probabilities as doubles and scales them to 2^24: here these doubles are whole
numbers, and so is all that is made of them below 2^53, so that no step rounds.
"""

import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import constriction
import numpy as np
from numpy.typing import ArrayLike, NDArray

BITS = 16
"""k of the tables that `cumulative` makes, if nothing else is said."""
MOST_BITS = 24
"""Of the total of a table: what the coder works with."""
WIDEST = 31
"""Bits that the payload of an escape may have."""
ROWS = 1 << 14
"""Tables that are spread out for the coder at a time."""

_Ans = constriction.stream.stack.AnsCoder
_TABLE = constriction.stream.model.Categorical(perfect=False)
_LENGTH = constriction.stream.model.Uniform(32)
_BIT = constriction.stream.model.Uniform(2)


class Part(NamedTuple):
    """Symbols that are coded together, each by one of the tables."""

    symbols: NDArray[np.integer]  # [N]
    indices: NDArray[np.integer]  # [N], row of `tables`
    tables: NDArray[np.uint32]  # [T, A + 1]


def cumulative(weights: ArrayLike, bits: int = BITS) -> NDArray[np.uint32]:
    """Tables [T, A + 1] of total 2^bits, near to weights [T, A] that need not be normalised.

    Every symbol gets at least one slot; a row of zeros becomes an even one.

    Raises:
        ValueError: weights that are negative or not finite, or more symbols than slots.
    """
    weights = np.atleast_2d(np.asarray(weights, np.float64))
    count, total = weights.shape[1], 1 << bits
    if bits > MOST_BITS or count > total:
        raise ValueError(f"{count} symbols do not fit a table of 2^{bits} slots")
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError("weights of a table are negative or not finite")
    sums = weights.sum(axis=1, keepdims=True)
    shares = np.where(sums > 0, weights / np.where(sums > 0, sums, 1), 1 / count)
    wanted = shares * (total - count)
    slots = np.floor(wanted).astype(np.int64)
    # The slots that rounding left over go to the largest remainders.
    order = np.argsort(slots - wanted, axis=1, kind="stable")
    left = (total - count) - slots.sum(axis=1, keepdims=True)
    np.put_along_axis(slots, order, np.take_along_axis(slots, order, 1) + _first(left, count), 1)
    tables = np.zeros((len(weights), count + 1), np.uint32)
    tables[:, 1:] = np.cumsum(slots + 1, axis=1)
    return tables


def probabilities(tables: NDArray[np.uint32]) -> NDArray[np.float64]:
    """What tables [T, A + 1] say of each symbol, [T, A]."""
    return np.diff(tables.astype(np.float64), axis=1) / tables[:, -1:]


def cost(symbols: ArrayLike, indices: ArrayLike, tables: NDArray[np.uint32]) -> float:
    """Bits that symbols take by their tables, which `encode_symbols` comes near to."""
    _check(tables)
    symbols, indices = _flat(symbols, indices, tables)
    inside, payloads = _split(symbols, tables.shape[1] - 1)
    found = probabilities(tables)[indices, inside]
    escaped = sum(5 + (payload + 1).bit_length() - 1 for payload in payloads)
    return float(-np.log2(np.maximum(found, 2.0**-MOST_BITS)).sum()) + escaped


def encode_symbols(symbols: ArrayLike, indices: ArrayLike, tables: NDArray[np.uint32]) -> bytes:
    """Bytes of integers [N], each coded by the row of `tables` that `indices` [N] name.

    Raises:
        ValueError: the arrays do not fit each other, or a symbol has over 31 bits.
    """
    return encode_parts([Part(np.asarray(symbols), np.asarray(indices), tables)])


def encode_parts(parts: Sequence[Part]) -> bytes:
    """Bytes of several parts, which a `Decoder` reads in the same order.

    What one part says can choose the tables of the next.

    Raises:
        ValueError: as `encode_symbols`.
    """
    for part in parts:
        _check(part.tables)
    flat = [_flat(*part) for part in parts]
    # Two bytes below all symbols: a decoder soon finds back after wrong bytes, and would not tell.
    check = 0
    for symbols, _ in flat:
        check = _checksum(symbols, check)
    coder = _Ans(_bottom(check))
    # A stack: the last one in is the first one out.
    for part, (symbols, indices) in zip(reversed(parts), reversed(flat), strict=True):
        inside, payloads = _split(symbols, part.tables.shape[1] - 1)
        for payload in reversed(payloads):
            _push(coder, payload)
        for start in reversed(range(0, len(inside), ROWS)):
            rows = _rows(part.tables, indices[start : start + ROWS])
            coder.encode_reverse(inside[start : start + ROWS].astype(np.int32), _TABLE, rows)
    # The most significant byte comes last, and is never 0.
    return coder.get_compressed().astype("<u4").tobytes().rstrip(b"\0")


def decode_symbols(
    data: bytes, indices: ArrayLike, tables: NDArray[np.uint32]
) -> NDArray[np.int64]:
    """The integers [N] that `encode_symbols` made these bytes of.

    Raises:
        ValueError: the bytes were not made with these tables, or something is missing from them.
    """
    decoder = Decoder(data)
    symbols = decoder.read(indices, tables)
    decoder.close()
    return symbols


class Decoder:
    """Reads what `encode_parts` wrote, part by part.

    Raises:
        ValueError: no bytes that it writes.
    """

    def __init__(self, data: bytes) -> None:
        if not data or data.endswith(b"\0"):
            raise ValueError("not the bytes of coded symbols: there are none, or the last is 0")
        words = np.frombuffer(data + bytes(-len(data) % 4), "<u4").astype(np.uint32)
        self._coder = _Ans(words)
        self._check = 0

    def read(self, indices: ArrayLike, tables: NDArray[np.uint32]) -> NDArray[np.int64]:
        """The next part's symbols [N], by the row of `tables` that `indices` [N] name.

        Raises:
            ValueError: the arrays do not fit each other.
        """
        _check(tables)
        indices, _ = _flat(indices, indices, tables)
        parts = [
            self._coder.decode(_TABLE, _rows(tables, indices[start : start + ROWS]))
            for start in range(0, len(indices), ROWS)
        ]
        symbols = np.concatenate([np.zeros(0, np.int64), *parts]).astype(np.int64)
        escape = tables.shape[1] - 2
        for place in np.flatnonzero(symbols == escape):
            payload = _pop(self._coder)
            symbols[place] = -(payload + 1) // 2 if payload % 2 else escape + payload // 2
        self._check = _checksum(symbols, self._check)
        return symbols

    def close(self) -> None:
        """Say that all parts were read.

        Raises:
            ValueError: other bytes than those written, as 16 bits of a checksum tell.
        """
        if not np.array_equal(self._coder.get_compressed(), _bottom(self._check)):
            raise ValueError("not the bytes of these symbols: damaged, cut, or by other tables")


def _checksum(symbols: NDArray[np.int64], before: int) -> int:
    return zlib.crc32(symbols.astype("<i8").tobytes(), before)


def _bottom(checksum: int) -> NDArray[np.uint32]:
    return np.array([1 << 16 | checksum & 0xFFFF], np.uint32)


def _first(counts: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """Ones in the first places of each row [T, width]."""
    return (np.arange(width)[None] < counts).astype(np.int64)


def _check(tables: NDArray[np.uint32]) -> None:
    """Refuse what is no table, whatever it came from: the coder would take it."""
    if tables.ndim != 2 or tables.dtype != np.uint32 or len(tables) < 1 or tables.shape[1] < 3:
        raise ValueError("tables have to be uint32 [T, A + 1] of two symbols or more")
    total = int(tables[0, -1])
    if total.bit_count() != 1 or total > 1 << MOST_BITS or (tables[:, -1] != total).any():
        raise ValueError(f"the total of every table has to be one power of two up to 2^{MOST_BITS}")
    if tables[:, 0].any() or (tables[:, 1:] < tables[:, :-1]).any():
        raise ValueError("tables have to begin with 0 and never to fall")


def _flat(
    symbols: ArrayLike, indices: ArrayLike, tables: NDArray[np.uint32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    symbols = np.asarray(symbols, np.int64).reshape(-1)
    indices = np.asarray(indices, np.int64).reshape(-1)
    if symbols.shape != indices.shape:
        raise ValueError(f"{symbols.size} symbols, and tables for {indices.size}")
    if indices.size and not 0 <= indices.min() <= indices.max() < len(tables):
        raise ValueError(f"there are {len(tables)} tables, none of some of these indices")
    return symbols, indices


def _split(symbols: NDArray[np.int64], count: int) -> tuple[NDArray[np.int64], list[int]]:
    """Symbols with the escape, count - 1, for each outside the table; and their payloads.

    A payload is even from the escape upwards and odd below 0.
    """
    escape = count - 1
    outside = (symbols < 0) | (symbols >= escape)
    payloads = [
        2 * (value - escape) if value >= escape else -2 * value - 1
        for value in symbols[outside].tolist()
    ]
    if payloads and max(payloads) >= 1 << WIDEST:
        raise ValueError("a symbol is too far outside its table")
    return np.where(outside, escape, symbols), payloads


def _rows(tables: NDArray[np.uint32], indices: NDArray[np.int64]) -> NDArray[np.float64]:
    """Slots [N, A] of each symbol, as the whole doubles that the coder takes."""
    return np.diff(tables, axis=1).astype(np.float64)[indices]


def _push(coder: Any, payload: int) -> None:
    """A payload as its length and its bits: Elias, IEEE Trans. Inf. Theory 21(2), 1975."""
    length = (payload + 1).bit_length()
    for place in range(length - 1):
        coder.encode_reverse((payload + 1) >> place & 1, _BIT)
    coder.encode_reverse(length - 1, _LENGTH)


def _pop(coder: Any) -> int:
    value = 1
    for _ in range(int(coder.decode(_LENGTH))):
        value = 2 * value + int(coder.decode(_BIT))
    return value - 1
