"""PLY, binary of either byte order and text: vertices, polygons and triangle strips.

Source: Greg Turk, The PLY Polygon File Format, 1994.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from hexplane.geometry.reading.polygons import strip, triangulated
from hexplane.geometry.reading.surface import BadMesh, Integers, Surface, check_indices, doubles
from hexplane.geometry.reading.text import numbers, tokens_per_row, whole

_TYPES = {
    b"char": "i1", b"uchar": "u1", b"short": "i2", b"ushort": "u2", b"int": "i4", b"uint": "u4",
    b"float": "f4", b"double": "f8", b"int8": "i1", b"uint8": "u1", b"int16": "i2",
    b"uint16": "u2", b"int32": "i4", b"uint32": "u4", b"int64": "i8", b"uint64": "u8",
    b"float32": "f4", b"float64": "f8",
}  # fmt: skip
_ORDERS = {b"binary_little_endian": "<", b"binary_big_endian": ">", b"ascii": ""}
_Lists = tuple[Integers, Integers]
"""Values of all lists, one list after another, and how many each has."""
_CODES = {
    "i1": "b",
    "u1": "B",
    "i2": "h",
    "u2": "H",
    "i4": "i",
    "u4": "I",
    "i8": "q",
    "u8": "Q",
    "f4": "f",
    "f8": "d",
}
_LISTS = ("vertex_indices", "vertex_index")


@dataclass
class _Property:
    name: str
    kind: np.dtype
    count: np.dtype | None = None
    """Of a list: the type of its length."""


@dataclass
class _Element:
    name: str
    rows: int
    properties: list[_Property] = field(default_factory=list)


def read(data: bytes) -> Surface:
    """The polygons and strips of a PLY file as triangles.

    Raises:
        BadMesh: the file is cut short or damaged, or its vertices have no position.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    elements, text, start = _header(data)
    body = data[start:]
    if text:
        body = _as_binary(body.rstrip(b"\0\x1a"), elements)
    at, vertices, faces = 0, np.empty((0, 3)), []
    for element in elements:
        values, lists, at = _rows(body, at, element)
        if element.name == "vertex":
            if not values and any(own.count is not None for own in element.properties):
                raise BadMesh("its vertices have lists of different lengths, which are not read")
            if not all(axis in values for axis in "xyz"):
                raise BadMesh("its vertices have no x, y and z")
            vertices = np.stack([doubles(values[axis]) for axis in "xyz"], axis=1)
        elif element.name in ("face", "tristrips") and lists is not None:
            faces.append((element.name, *lists))
    if body[at:].strip(b"\0\x1a \t\r\n"):
        raise BadMesh("it goes on after the last row that it declares: damaged")
    triangles = [np.empty((0, 3), np.int64)]
    for name, corners, counts in faces:
        if name == "face":
            triangles.append(triangulated(vertices, corners, counts))
        else:
            triangles.append(_strips(corners, counts, len(vertices)))
    return Surface(vertices, np.concatenate(triangles))


def _as_binary(text: bytes, elements: list[_Element]) -> bytes:
    """A text body with every number as a double in the same order: one way to read both.

    MeshLab wrote lists of colours at the ends of rows that its header does not declare. What all
    rows of an element have beyond the first one's declared values is left out.
    """
    elements = [element for element in elements if element.properties]
    values, rows = numbers(text, "a value").astype("<f8"), tokens_per_row(text)
    if len(rows) != sum(element.rows for element in elements):
        return values.tobytes()  # rows are no lines
    parts, row, at = [], 0, 0
    for element in elements:
        widths = rows[row : row + element.rows]
        part = values[at : at + int(widths.sum())]
        row, at = row + element.rows, at + len(part)
        if len(widths) and (widths == widths[0]).all():
            _, end = _Walk(element, part.tobytes()).row(0)
            part = part.reshape(len(widths), -1)[:, : end // part.itemsize]
        parts.append(part.tobytes())
    return b"".join(parts)


def _header(data: bytes) -> tuple[list[_Element], bool, int]:
    """Elements, whether the body is text, and where it starts."""
    newline = next(
        (end for end in (b"\r\n", b"\n", b"\r") if data[3:].lstrip(b" ").startswith(end)), None
    )
    if not data.startswith(b"ply") or newline is None:
        raise BadMesh("it does not begin with a line `ply`")
    elements: list[_Element] = []
    order, at = None, 0
    while True:
        end = data.find(newline, at)
        if end < 0:
            raise BadMesh("its header has no end: cut short")
        words, at = data[at:end].split(), end + len(newline)
        match words:
            case [] | [b"ply"] | [b"comment" | b"obj_info", *_]:
                pass
            case [b"format", name, _] if name in _ORDERS and order is None:
                order = _ORDERS[name]
            case [b"element", name, rows] if rows.isdigit() and len(rows) < 19:
                elements.append(_Element(name.decode("latin-1"), int(rows)))
            case [b"property", b"list", count, kind, name] if (
                elements and {count, kind} <= _TYPES.keys()
            ):
                elements[-1].properties.append(_property(name, kind, order, count))
            case [b"property", kind, name] if elements and kind in _TYPES:
                elements[-1].properties.append(_property(name, kind, order))
            case [b"end_header"]:
                break
            case _:
                line = b" ".join(words)[:60].decode("ascii", "backslashreplace")
                raise BadMesh(f"its header has a line {line!r}")
    if order is None:
        raise BadMesh("its header names no format")
    return elements, order == "", at


def _property(name: bytes, kind: bytes, order: str | None, count: bytes | None = None) -> _Property:
    if order is None:
        raise BadMesh("its header names no format before its properties")

    def as_dtype(word: bytes) -> np.dtype:
        return np.dtype(order + _TYPES[word] if order else "<f8")

    return _Property(name.decode("latin-1"), as_dtype(kind), as_dtype(count) if count else None)


class _Walk:
    """Finds the lists of rows whose lists differ in length."""

    def __init__(self, element: _Element, body: bytes):
        self.body = body
        self.lists: list[tuple[int, Callable, int, int]] = []
        gap = 0
        for p in element.properties:
            if p.count is None:
                gap += p.kind.itemsize
            else:
                order, kind = p.count.str[0].replace("|", "<"), p.count.str[1:]
                unpack = struct.Struct(order + _CODES[kind])
                self.lists.append((gap, unpack.unpack_from, p.count.itemsize, p.kind.itemsize))
                gap = 0
        self.tail = gap

    def row(self, at: int) -> tuple[list[tuple[int, int]], int]:
        """Start and length of each list of the row at `at`, and where the next row starts."""
        found = []
        for gap, unpack, size, item in self.lists:
            at += gap
            if at + size > len(self.body):
                raise BadMesh("it ends within a row: cut short")
            (n,) = unpack(self.body, at)
            at += size
            if not 0 <= n <= (len(self.body) - at) // item or n != int(n):
                raise BadMesh(f"a list of {n:g} values: cut short, or damaged")
            found.append((at, int(n)))
            at += int(n) * item
        if at + self.tail > len(self.body):
            raise BadMesh("it ends within a row: cut short")
        return found, at + self.tail


def _rows(
    body: bytes, at: int, element: _Element
) -> tuple[dict[str, np.ndarray], _Lists | None, int]:
    """Plain values of an element by name, its list of vertices, and where the next one starts.

    Values are there where all rows have lists of the same lengths, or none, as vertices have.
    """
    lists = [p for p in element.properties if p.count is not None]
    if element.rows == 0 or not element.properties:
        empty = np.empty(0, np.int64)
        return {p.name: empty for p in element.properties}, (empty, empty) if lists else None, at
    which = next((i for i, p in enumerate(lists) if p.name in _LISTS), None)
    walk = _Walk(element, body)
    first, end = walk.row(at)
    # All rows as long as the first, as in a mesh of triangles: one table.
    if (end - at) * element.rows <= len(body) - at:
        table = np.frombuffer(body, _packed(element, [n for _, n in first]), element.rows, at)
        numbered = dict(enumerate(element.properties))
        if all(
            (table[f"n{i}"] == table[f"{i}"].shape[1]).all() for i, p in numbered.items() if p.count
        ):
            at += (end - at) * element.rows
            values = {p.name: table[f"{i}"] for i, p in numbered.items() if p.count is None}
            if which is None:
                return values, None, at
            column = table[next(f"{i}" for i, p in numbered.items() if p is lists[which])]
            return values, (_whole(column.ravel()), np.full(element.rows, column.shape[1])), at
    elif not lists or element.rows > len(body) - at:
        held = (len(body) - at) // (end - at)
        raise BadMesh(f"{held:,} of {element.rows:,} rows of `{element.name}`: cut short")
    starts, counts = np.zeros((2, element.rows), np.int64)
    for row in range(element.rows):
        found, at = walk.row(at)
        if which is not None:
            starts[row], counts[row] = found[which]
    return {}, _gathered(body, starts, counts, lists[which].kind) if which is not None else None, at


def _packed(element: _Element, lengths: list[int]) -> np.dtype:
    """The type of a row whose lists have these lengths: columns 0, 1 ..., lengths n0, n1 ..."""
    columns: list[tuple] = []
    left = iter(lengths)
    for i, p in enumerate(element.properties):
        if p.count is None:
            columns.append((f"{i}", p.kind))
        else:
            columns += [(f"n{i}", p.count), (f"{i}", p.kind, (next(left),))]
    return np.dtype(columns)


def _gathered(body: bytes, starts: Integers, counts: Integers, kind: np.dtype) -> _Lists:
    """The values of lists that start at bytes of `body`, one list after another."""
    values = np.empty(int(counts.sum()), np.int64)
    place = np.cumsum(counts) - counts
    letters = np.frombuffer(body, np.uint8)
    for n in np.unique(counts[counts > 0]).tolist():
        rows = np.flatnonzero(counts == n)
        windows = np.lib.stride_tricks.sliding_window_view(letters, n * kind.itemsize)
        found = windows[starts[rows]].view(kind)
        values[(place[rows, None] + np.arange(n)).ravel()] = _whole(found.ravel())
    return values, counts


def _whole(values: np.ndarray) -> Integers:
    if values.dtype.kind == "f":
        return whole(doubles(values), "a face")
    return values.astype(np.int64)


def _strips(corners: Integers, counts: Integers, vertices: int) -> Integers:
    """Triangles of strips, in which -1 starts a strip anew."""
    ends = np.cumsum(counts)[:-1]
    strips = [
        part[part != -1]
        for piece in np.split(corners, ends)
        for part in np.split(piece, np.flatnonzero(piece == -1))
    ]
    faces = (
        np.concatenate([strip(part) for part in strips]) if strips else np.empty((0, 3), np.int64)
    )
    check_indices(faces, vertices)
    return faces
