"""STL, binary and text."""

import re

import numpy as np

from hexplane.geometry.reading.surface import BadMesh, Surface, doubles
from hexplane.geometry.reading.text import numbers, plain

_FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_HEADER = 84
# "endfacet" before "facet", and so on.
_WORDS = (b"endfacet", b"endloop", b"facet", b"normal", b"outer", b"loop", b"vertex")


def read(data: bytes) -> Surface:
    """The triangles of an STL file, three vertices each.

    Binary files may start with "solid" too: what has the length of its count is binary.

    Raises:
        BadMesh: the file is cut short or damaged.
    """
    count = int.from_bytes(data[_HEADER - 4 : _HEADER], "little")
    end = _HEADER + count * _FACET.itemsize
    text = data[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()[:5].lower() == b"solid"
    if len(data) >= _HEADER and len(data) == end or not text:
        return _binary(data, count, end)
    return _text(data)


def _binary(data: bytes, count: int, end: int) -> Surface:
    if len(data) < _HEADER:
        raise BadMesh(f"{len(data)} bytes, fewer than the header: cut short, or no STL")
    if len(data) < end:
        held = (len(data) - _HEADER) // _FACET.itemsize
        raise BadMesh(f"{held:,} of {count:,} triangles: cut short, or no STL")
    if data[end:].strip(b"\0\x1a \r\n"):
        raise BadMesh(f"{len(data) - end:,} bytes after the {count:,} triangles that it declares")
    return _soup(doubles(np.frombuffer(data, _FACET, count, _HEADER)["corners"]))


def _text(data: bytes) -> Surface:
    text = plain(data).lower()
    solids = re.findall(rb"^[ \t]*(solid|endsolid)\b", text, re.MULTILINE)
    if solids != [b"solid", b"endsolid"] * (len(solids) // 2):
        raise BadMesh("a solid without its `endsolid`: cut short")
    text = re.sub(rb"^[ \t]*(end)?solid\b[^\n]*", b"", text, flags=re.MULTILINE)
    facets = text.count(b"endfacet")
    normals = text.count(b"normal")
    per_facet = 12
    if b"nan" in text or b"#" in text:  # "-nan(ind)", "-1.#IND": normals of slivers, of no use
        text, normals = re.subn(rb"\bnormal\s+\S+\s+\S+\s+\S+", b"", text)
        per_facet = 9
    counts = {"facet": text.count(b"facet") - facets, "endloop": text.count(b"endloop")}
    counts |= {"outer": text.count(b"outer"), "normal": normals}
    for word, found in counts.items():
        if found != facets:
            raise BadMesh(f"{found:,} `{word}` for {facets:,} `endfacet`: cut short, or damaged")
    if text.count(b"vertex") != 3 * facets:
        raise BadMesh(f"{text.count(b'vertex'):,} vertices of {facets:,} triangles")
    for keyword in _WORDS:
        text = text.replace(keyword, b" ")
    values = numbers(text, "a vertex")
    if len(values) != per_facet * facets:
        raise BadMesh(f"{len(values):,} numbers for {facets:,} triangles")
    return _soup(values.reshape(-1, per_facet)[:, -9:].reshape(-1, 3, 3))


def _soup(corners: np.ndarray) -> Surface:
    return Surface(corners.reshape(-1, 3), np.arange(3 * len(corners)).reshape(-1, 3))
