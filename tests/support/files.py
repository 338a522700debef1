"""Small mesh files, built byte by byte, and what is right for them."""

import json
import struct

import numpy as np

CORNERS = np.array(
    [[0, 0, 0], [1, 0, 0], [1, 2, 0], [0, 2, 0], [0, 0, 3], [1, 0, 3], [1, 2, 3], [0, 2, 3]], float
)
QUADS = [[0, 3, 2, 1], [4, 5, 6, 7], [0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7]]
TRIANGLES = [[q[0], q[i], q[i + 1]] for q in QUADS for i in (1, 2)]
"""A closed box that points outwards: volume 6, area 22."""


def is_the_box(mesh) -> bool:
    """Whether a loaded mesh is the box: its eight corners, closed, of volume 6."""
    found = {tuple(np.round(v, 5)) for v in mesh.vertices.tolist()}
    same = found == {tuple(v) for v in CORNERS.tolist()}
    return bool(same and mesh.is_watertight and abs(mesh.volume - 6) < 1e-4)


def obj(quads=QUADS) -> str:
    """The box as OBJ."""
    rows = ["v {:g} {:g} {:g}".format(*v) for v in CORNERS]
    return "\n".join([*rows, *("f " + " ".join(str(i + 1) for i in q) for q in quads)]) + "\n"


def off(faces=QUADS) -> str:
    """The box as OFF."""
    rows = ["{:g} {:g} {:g}".format(*v) for v in CORNERS]
    rows += [f"{len(q)} " + " ".join(str(i) for i in q) for q in faces]
    return "\n".join(["OFF", f"8 {len(faces)} 12", *rows]) + "\n"


def ply_header(order: str, faces: int, *, vertices=8, element="face", end="\n") -> bytes:
    """A header of float vertices and lists of int with lengths of one byte."""
    lines = ["ply", f"format {order} 1.0", "comment made by a test", f"element vertex {vertices}"]
    lines += [f"property float {axis}" for axis in "xyz"]
    lines += [f"element {element} {faces}", "property list uchar int vertex_indices", "end_header"]
    return end.join([*lines, ""]).encode()


def ply(faces=QUADS, order="<", end="\n", element="face") -> bytes:
    """The box as binary PLY of a byte order."""
    name = {"<": "binary_little_endian", ">": "binary_big_endian"}[order]
    body = CORNERS.astype(f"{order}f4").tobytes()
    for face in faces:
        wide = np.array(face, f"{order}i4").tobytes()
        body += bytes([len(face)]) + wide
    return ply_header(name, len(faces), end=end, element=element) + body


def ply_text(faces=QUADS) -> str:
    """The box as text PLY."""
    rows = ["{:g} {:g} {:g}".format(*v) for v in CORNERS]
    rows += [f"{len(f)} " + " ".join(map(str, f)) for f in faces]
    return ply_header("ascii", len(faces)).decode() + "\n".join(rows) + "\n"


def stl(triangles=TRIANGLES) -> bytes:
    """The box as binary STL."""
    body = b"".join(
        struct.pack("<3f", 0, 0, 0) + CORNERS[t].astype("<f4").tobytes() + b"\0\0"
        for t in triangles
    )
    return bytes(80) + struct.pack("<I", len(triangles)) + body


def stl_text(triangles=TRIANGLES, normal="0 0 0", name="box") -> str:
    """The box as text STL."""
    facets = []
    for t in triangles:
        rows = "\n".join("      vertex {:e} {:e} {:e}".format(*v) for v in CORNERS[t])
        facets.append(f"  facet normal {normal}\n    outer loop\n{rows}\n    endloop\n  endfacet\n")
    return f"solid {name}\n{''.join(facets)}endsolid {name}\n"


class Glb:
    """A GLB file under construction: arrays become buffer views and accessors of one buffer."""

    _TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
    _KINDS = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}

    def __init__(self):
        self.binary = bytearray()
        self.json = {"asset": {"version": "2.0"}, "bufferViews": [], "accessors": []}

    def view(self, data: bytes, **more) -> int:
        """A buffer view of these bytes."""
        self.binary += bytes(-len(self.binary) % 4)
        view = {"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data), **more}
        self.binary += data
        self.json["bufferViews"].append(view)
        return len(self.json["bufferViews"]) - 1

    def array(self, values, kind="f4", **more) -> int:
        """An accessor [n] or [n, width] of its own view."""
        values = np.asarray(values).astype(f"<{kind}")
        width = 1 if values.ndim == 1 else values.shape[1]
        return self.accessor(
            len(values), width, kind, bufferView=self.view(values.tobytes()), **more
        )

    def accessor(self, count: int, width: int, kind="f4", **more) -> int:
        """An accessor of any description."""
        base = {"componentType": self._KINDS[kind], "count": count, "type": self._TYPES[width]}
        self.json["accessors"].append(base | more)
        return len(self.json["accessors"]) - 1

    def box(self, **more) -> dict:
        """The box as a primitive."""
        indices = self.array(np.ravel(TRIANGLES), "u2")
        return {"attributes": {"POSITION": self.array(CORNERS)}, "indices": indices, **more}

    def scene(self, *primitives: dict, mesh=None, **node) -> "Glb":
        """One mesh, one node, one scene."""
        self.json["meshes"] = [{"primitives": list(primitives), **(mesh or {})}]
        self.json["nodes"] = [{"mesh": 0, **node}]
        self.json["scenes"], self.json["scene"] = [{"nodes": [0]}], 0
        return self

    def bytes(self) -> bytes:
        """The file."""
        self.json["buffers"] = [{"byteLength": len(self.binary)}]
        return packed(json.dumps(self.json).encode(), bytes(self.binary))


def packed(text: bytes, binary: bytes) -> bytes:
    """A GLB file of a JSON text and a buffer."""
    text += b" " * (-len(text) % 4)
    binary += bytes(-len(binary) % 4)
    body = struct.pack("<I4s", len(text), b"JSON") + text
    body += struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body
