"""Meshes of few faces in Draco's code: what a codec of heads has to beat."""

import time
from collections.abc import Iterator
from typing import NamedTuple

import DracoPy
import numpy as np
import trimesh
from fast_simplification import simplify
from numpy.typing import NDArray

FEWEST = 8
"""Faces at which the ladder ends."""
RATIO = 0.85
"""Faces of each rung, by those of the rung above."""
BITS = range(4, 13)
"""Of each coordinate, as a share of the mesh's longest extent."""
_PATIENCE = range(1, 10)
"""Thresholds of the simplification, from the most careful one."""


class Rung(NamedTuple):
    """A simplified mesh, and the seconds from the original to it."""

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    seconds: float


class Buffer(NamedTuple):
    """A mesh in Draco's code."""

    data: bytes
    bits: int
    seconds: float  # from the original mesh


def ladder(mesh: trimesh.Trimesh) -> Iterator[Rung]:
    """A mesh with fewer and fewer faces, itself first.

    By quadric errors (Garland and Heckbert, SIGGRAPH 1997). The library takes off all edges below
    a threshold at a time; in one go to few faces that costs a half more error than in many small
    steps, each at the lowest threshold that gets there.
    """
    started = time.perf_counter()
    vertices = np.asarray(mesh.vertices, dtype=np.float32)
    faces = np.asarray(mesh.faces, dtype=np.int32)
    yield Rung(vertices, faces, 0.0)
    while len(faces) > FEWEST:
        wanted = max(FEWEST, int(len(faces) * RATIO))
        for threshold in _PATIENCE:
            found = simplify(vertices, faces, target_count=wanted, agg=threshold)
            if len(found[1]) <= wanted + 1:
                break
        if not 0 < len(found[1]) < len(faces):
            return
        vertices = np.ascontiguousarray(found[0], dtype=np.float32)
        faces = np.ascontiguousarray(found[1], dtype=np.int32)
        yield Rung(vertices, faces, time.perf_counter() - started)


def buffers(mesh: trimesh.Trimesh) -> list[Buffer]:
    """Every rung of a mesh's ladder at every number of bits; the largest meshes first."""
    made = []
    for rung in ladder(mesh):
        for bits in BITS:
            started = time.perf_counter()
            data = DracoPy.encode(
                rung.vertices, rung.faces, quantization_bits=bits, compression_level=10
            )
            made.append(Buffer(data, bits, rung.seconds + time.perf_counter() - started))
    return made


def decoded(data: bytes) -> trimesh.Trimesh:
    """The mesh in a Draco buffer."""
    found = DracoPy.decode(data)
    return trimesh.Trimesh(np.asarray(found.points), np.asarray(found.faces), process=False)
