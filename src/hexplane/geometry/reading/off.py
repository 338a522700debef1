"""OFF: the text of Geomview's object file format, with its colours, normals and free spacing.

Source: http://www.geomview.org/docs/html/OFF.html
"""

import re

import numpy as np

from hexplane.geometry.reading.polygons import triangulated
from hexplane.geometry.reading.surface import BadMesh, Floats, Integers, Surface
from hexplane.geometry.reading.text import numbers, plain, tokens_per_row, whole, without_comments

_HEADER = re.compile(rb"\s*(ST)?(C)?(N)?(4)?(n)?OFF(?![A-Za-z])[ \t]*(BINARY\b)?")
_COLOURS = (0, 1, 3, 4)


def read(data: bytes) -> Surface:
    """The polygons of an OFF file as triangles.

    Raises:
        BadMesh: the file is cut short or damaged, binary, or of another dimension than three.
    """
    text = without_comments(plain(data))
    header = _HEADER.match(text)
    if header is None:
        raise BadMesh("it does not begin with OFF")
    texture, colour, normal, four, any_dimension, binary = (bool(part) for part in header.groups())
    if four or any_dimension:
        raise BadMesh("points of other than three dimensions (4OFF, nOFF) are not read")
    if binary:
        raise BadMesh("binary OFF is not read; save it as text")
    text = text[header.end() :]
    values, rows = numbers(text, "a row"), tokens_per_row(text)
    head = 2 if len(rows) > 1 and rows[0] == 2 and rows[1] > 1 else 3  # edges may be left out
    if len(values) < head:
        raise BadMesh("the counts of vertices and faces are missing: cut short")
    count, faces = (int(n) for n in whole(values[:2], "a count"))
    if min(count, faces) < 0 or count + faces > len(values):
        raise BadMesh(f"{count:,} vertices and {faces:,} faces declared: cut short, or damaged")
    width = 3 + 3 * normal + 4 * colour + 2 * texture
    if rows[0] == head and len(rows) - 1 == count + faces and _same(rows[1 : count + 1]):
        width = int(rows[1]) if count else 0  # as many colours as there are
        if count and width < 3:
            raise BadMesh("a vertex has fewer than three coordinates")
        vertices = values[head : head + count * width].reshape(count, -1)[:, :3]
        corners, counts = _rows(values[head + count * width :], rows[count + 1 :])
    else:
        if len(values) < head + count * width:
            raise BadMesh(f"fewer than the {count:,} vertices that it declares: cut short")
        vertices = values[head : head + count * width].reshape(count, width)[:, :3]
        corners, counts = _free(values, head + count * width, faces, np.cumsum(rows))
    return Surface(vertices, triangulated(vertices, corners, counts))


def _same(counts: Integers) -> bool:
    return len(counts) == 0 or bool((counts == counts[0]).all())


def _rows(values: Floats, rows: Integers) -> tuple[Integers, Integers]:
    """Corners and their counts of faces, one a row, perhaps with a colour at the row's end."""
    starts = np.cumsum(rows) - rows
    counts = whole(values[starts], "a count of corners")
    colours = rows - 1 - counts
    if (colours < 0).any():
        raise BadMesh(f"face {np.argmax(colours < 0) + 1:,} has too few corners: cut short?")
    if not np.isin(colours, _COLOURS).all() or ((colours == 1).any() and not _same(colours)):
        raise BadMesh("faces have more values than corners and colour")
    place = np.arange(len(values)) - np.repeat(starts, rows)
    corners = values[(place > 0) & (place <= np.repeat(counts, rows))]
    return whole(corners, "a face"), counts


def _free(values: Floats, at: int, faces: int, ends: Integers) -> tuple[Integers, Integers]:
    """The same where rows are no rows: colours end with the line that the last corner stands on."""
    for coloured in (False, True):
        starts = _starts(values, at, faces, ends if coloured else None)
        if starts is not None:
            break
    else:
        raise BadMesh(f"the values do not make up the {faces:,} faces that it declares: cut short?")
    counts = whole(values[starts], "a count of corners")
    chosen = np.zeros(len(values), bool)
    for start, count in zip(starts.tolist(), counts.tolist(), strict=True):
        chosen[start + 1 : start + 1 + count] = True
    return whole(values[chosen], "a face"), counts


def _starts(values: Floats, at: int, faces: int, ends: Integers | None) -> Integers | None:
    """Where each face starts, when they end with the last value; else None."""
    starts = []
    for _ in range(faces):
        if at >= len(values) or not 1 <= values[at] < len(values) - at:
            return None
        starts.append(at)
        at += 1 + int(values[at])
        if ends is not None:
            at = int(ends[np.searchsorted(ends, at)])
    return np.array(starts, np.int64) if at == len(values) else None
