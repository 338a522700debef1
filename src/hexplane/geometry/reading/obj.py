"""Wavefront OBJ: vertices and polygons; groups, materials, lines and points are passed over."""

import re

import numpy as np
from numpy.typing import NDArray

from hexplane.geometry.reading.polygons import triangulated
from hexplane.geometry.reading.surface import BadMesh, Floats, Integers, Surface
from hexplane.geometry.reading.text import (
    integers,
    numbers,
    plain,
    token_starts,
    tokens_per_row,
    without_comments,
)

_PASSED = frozenset(
    b"vt vn vp l p g o s mg usemtl usemap mtllib maplib shadow_obj trace_obj lod bevel c_interp "
    b"d_interp ctech stech".split()
)
_REFUSED = {
    b"free-form curves and surfaces": b"cstype deg bmat step curv curv2 surf parm trim hole scrv "
    b"sp end con bzp bsp cdc cdp res".split(),
    b"other files called in": b"call csh".split(),
}


def read(data: bytes) -> Surface:
    """The faces of an OBJ file as triangles.

    Raises:
        BadMesh: the file is cut short or damaged, or holds free-form surfaces.
    """
    text = plain(data)
    whole_lines = text.endswith(b"\n")
    text = without_comments(re.sub(rb"\\[ \t]*\n", b" ", text)) + b"\n"
    letters = np.frombuffer(text, np.uint8).copy()
    ends = np.flatnonzero(letters == ord("\n"))
    firsts = np.flatnonzero(token_starts(text))
    begins = np.r_[0, ends[:-1] + 1]
    leads = np.r_[firsts, len(text)][np.searchsorted(firsts, begins)]  # of each line
    line = np.flatnonzero(leads < ends)
    leads = leads[line]
    vertex, face = _starts_with(letters, leads, b"v"), _starts_with(letters, leads, b"f")
    known = (
        vertex | face | _starts_with(letters, leads, b"vt") | _starts_with(letters, leads, b"vn")
    )
    _check_statements(text, leads[~known])
    letters[leads[vertex | face]] = ord(" ")
    lengths = np.diff(np.r_[-1, ends])

    def body(chosen: NDArray[np.bool_]) -> bytes:
        lines = np.zeros(len(ends), bool)
        lines[line[chosen]] = True
        return letters[np.repeat(lines, lengths)].tobytes()

    vertices = _vertices(body(vertex), int(vertex.sum()))
    corners, counts, broken = _corners(body(face), int(face.sum()))
    # Without a line's end the last face may be cut: in a corner, or before one that others have.
    fewer = len(counts) > 1 and 3 <= counts[-1] < counts[:-1].min()
    if not whole_lines and (broken or fewer):
        raise BadMesh("its last line has no end and a face with less than others: cut short")
    before = np.repeat(np.cumsum(vertex)[face], counts)  # vertices above each corner's face
    if (corners == 0).any():
        raise BadMesh("a face names vertex 0, but the first one is 1")
    corners = np.where(corners < 0, corners + before, corners - 1)
    return Surface(vertices, triangulated(vertices, corners, counts))


def _starts_with(letters: NDArray[np.uint8], at: Integers, word: bytes) -> NDArray[np.bool_]:
    """Whether a line's first token is `word`. Each line ends with LF, which is within `letters`."""
    matches = np.ones(len(at), bool)
    for i, letter in enumerate(word):
        matches &= letters[np.minimum(at + i, len(letters) - 1)] == letter
    after = letters[np.minimum(at + len(word), len(letters) - 1)]
    return matches & np.isin(after, np.frombuffer(b" \t\n\v\f", np.uint8))


def _check_statements(text: bytes, leads: Integers) -> None:
    """Refuse statements that are none: one flipped bit makes them of a vertex or a face."""
    for at in leads.tolist():
        word = text[at : at + 40].split(None, 1)[0]
        if word in _PASSED:
            continue
        for what, words in _REFUSED.items():
            if word in words:
                raise BadMesh(f"{what.decode()} (`{word.decode()}`) are not read")
        number = text.count(b"\n", 0, at) + 1
        shown = word.decode("ascii", "backslashreplace")
        raise BadMesh(f"line {number:,} begins with {shown!r}, which is no statement of OBJ")


def _vertices(text: bytes, count: int) -> Floats:
    """Positions [V, 3]; a weight or a colour may follow on each line."""
    values, widths = numbers(text, "a vertex"), tokens_per_row(text)
    if len(widths) < count or (count and widths.min() < 3):
        raise BadMesh("a vertex has fewer than three coordinates")
    starts = np.cumsum(widths) - widths
    return values[starts[:, None] + np.arange(3)]


def _corners(text: bytes, count: int) -> tuple[Integers, Integers, bool]:
    """Of all faces: the vertices as written, and how many each has.

    And whether the last face's first and last corners differ in their number of slashes.
    """
    counts = tokens_per_row(text)
    if len(counts) < count:
        raise BadMesh("a face has no corners")
    if b"/" not in text:
        return integers(text, "a face"), counts, False
    slash = np.frombuffer(text, np.uint8) == ord("/")
    token = np.cumsum(token_starts(text), dtype=np.int32)[slash] - 1
    slashes = np.bincount(token, minlength=int(counts.sum()))
    broken = bool(slashes[-1] != slashes[-counts[-1]])
    empty = text.count(b"//")
    if (slashes == slashes[0]).all() and empty in (0, len(slashes)):
        step = int(slashes[0]) + 1 - (empty > 0)
        values = integers(text.replace(b"//" if empty else b"/", b" "), "a face")
        if step <= 3 and len(values) == step * len(slashes):
            return values[::step], counts, broken
    values = integers(re.sub(rb"/[^\s]*", b"", text), "a face")
    if len(values) < len(slashes):
        raise BadMesh("a corner of a face names no vertex")
    return values, counts, broken
