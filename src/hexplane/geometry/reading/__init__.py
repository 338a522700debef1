"""Readers of mesh files, one module a format: positions and faces, and nothing else.

Each reader takes the bytes of a file and gives a `Surface`; what it cannot read as a whole it
refuses. docs/meshes.md lists what is read, what is refused and what is repaired.
"""

from hexplane.geometry.reading import gltf, obj, off, ply, stl
from hexplane.geometry.reading.surface import BadMesh, Surface, check_outliers

__all__ = ["BadMesh", "READERS", "Surface", "read_surface"]

READERS = {
    ".obj": obj.read,
    ".ply": ply.read,
    ".stl": stl.read,
    ".glb": gltf.read,
    ".off": off.read,
}


def read_surface(data: bytes, suffix: str) -> Surface:
    """The surface that a file of a format in `READERS` holds.

    Raises:
        BadMesh: the file is damaged, or holds what cannot be read.
    """
    surface = READERS[suffix](data)
    check_outliers(surface)
    return surface
