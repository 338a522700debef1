"""Damaged and hostile mesh files, by chance but the same ones each time.

Whatever the bytes are, `load_mesh` gives a mesh or one line: no traceback, no hang, no memory that
the file's size does not explain, and no vertex or face less without a word.
"""

import random
import re
import resource
import struct
import time
import warnings
from collections import Counter

import DracoPy
import numpy as np
import pytest

from hexplane.geometry.meshes import load_mesh
from hexplane.geometry.reading import BadMesh, read_surface
from hexplane.plumbing.errors import UserError
from support import files
from support.files import CORNERS, TRIANGLES, Glb

ROUNDS = 500
SECONDS = 1.0
"""That one small file may take; most take a millisecond."""


def _rich_glb() -> bytes:
    """Draco, sparse, morph, skin and instances in one file."""
    glb = Glb()
    sparse = {
        "count": 2,
        "indices": {"bufferView": glb.view(bytes([1, 2])), "componentType": 5121},
        "values": {"bufferView": glb.view(CORNERS[[1, 2]].astype("<f4").tobytes())},
    }
    box = glb.box(targets=[{"POSITION": glb.array(CORNERS)}])
    glb.json["accessors"][box["attributes"]["POSITION"]]["sparse"] = sparse
    draco = DracoPy.encode(CORNERS, np.array(TRIANGLES, np.uint32), quantization_bits=12)
    packed = {
        "attributes": {"POSITION": glb.accessor(8, 3)},
        "extensions": {
            "KHR_draco_mesh_compression": {
                "bufferView": glb.view(draco),
                "attributes": {"POSITION": 0},
            }
        },
    }
    bound = glb.box()
    bound["attributes"] |= {
        "JOINTS_0": glb.array([[0, 0, 0, 0]] * 8, "u1"),
        "WEIGHTS_0": glb.array([[1, 0, 0, 0]] * 8),
    }
    places = glb.array([[0, 0, 0], [5, 0, 0]])
    glb.scene(box, mesh={"weights": [1]})
    glb.json["meshes"] += [{"primitives": [bound]}, {"primitives": [packed]}]
    instancing = {"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": places}}}
    glb.json["nodes"] += [{"mesh": 1, "skin": 0}, {"mesh": 2, "extensions": instancing}]
    glb.json["skins"] = [{"joints": [0]}]
    glb.json["scenes"][0]["nodes"] = [0, 1, 2]
    return glb.bytes()


MIXED = [*files.QUADS[:3], *TRIANGLES[6:]]
SOUND = {
    "quads.obj": files.obj().encode(),
    "texture.obj": re.sub(
        r"f .*", lambda m: re.sub(r"(\d)", r"\1/2/3", m[0]), files.obj()
    ).encode(),
    "a.off": files.off(MIXED).encode(),
    "free.off": files.off(MIXED).replace("\n", " ").encode(),
    "mixed.ply": files.ply(MIXED, ">"),
    "triangles.ply": files.ply(TRIANGLES),
    "text.ply": files.ply_text().encode(),
    "strips.ply": files.ply([[4, 0, 5, 1, -1, 0, 3, 1, 2]], element="tristrips"),
    "binary.stl": files.stl(),
    "text.stl": files.stl_text().encode(),
    "rich.glb": _rich_glb(),
}
HUGE = [
    b"1000000000000",
    b"4294967295",
    b"1e308",
    b"-1e308",
    b"9" * 400,
    b"-1",
    b"nan",
    b"inf",
    b"",
]


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def _flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _overwrite(data: bytes, rng: random.Random) -> bytes:
    at, length = rng.randrange(len(data)), rng.randrange(1, 60)
    return data[:at] + rng.randbytes(length) + data[at + length :]


def _lose(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.randrange(1, 60) :]


def _repeat(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[: at + rng.randrange(60)] + data[at:]


def _number(data: bytes, rng: random.Random) -> bytes:
    """One number of a text, or one word of 32 bits, becomes a huge or an impossible one."""
    found = list(re.finditer(rb"-?\d+(\.\d+)?", data))
    if not found or rng.random() < 0.2:
        at = rng.randrange(max(1, len(data) - 4))
        return data[:at] + rng.choice((b"\xff" * 4, b"\xff\xff\xff\x7f", bytes(4))) + data[at + 4 :]
    place = rng.choice(found)
    return data[: place.start()] + rng.choice(HUGE) + data[place.end() :]


DAMAGES = [_cut, _flip, _overwrite, _lose, _repeat, _number]


def _sealed(data: bytes) -> bytes:
    """A GLB whose lengths are right again, so that damage within is met as well."""
    if data[:4] != b"glTF" or len(data) < 28:
        return data
    size = min(int.from_bytes(data[12:16], "little"), len(data) - 28)
    text, binary = data[20 : 20 + size], data[28 + size :]
    return files.packed(text, binary)


@pytest.mark.parametrize("name", SOUND)
def test_damage_gives_a_mesh_or_one_line(tmp_path, name):
    """Each damage in turn, from a fixed seed; a reader's own fault would come as another error."""
    rng = random.Random(name)
    path = tmp_path / name
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    results: Counter[str] = Counter()
    for i in range(ROUNDS):
        data = DAMAGES[i % len(DAMAGES)](SOUND[name], rng)
        if name.endswith(".glb") and rng.random() < 0.7:
            data = _sealed(data)
        path.write_bytes(data)
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                mesh = load_mesh(path)
            except UserError as error:
                assert "\n" not in str(error) and str(error).startswith(f"{path}: ")
                assert error.__cause__ is None or isinstance(error.__cause__, BadMesh)
                results["refused"] += 1
            else:
                assert np.isfinite(mesh.vertices).all()
                assert 0 <= mesh.faces.min() <= mesh.faces.max() < len(mesh.vertices)
                results["read"] += 1
        assert time.process_time() - start < SECONDS
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 300_000, "kilobytes of memory for files of kilobytes"
    assert results["refused"] > ROUNDS / 4  # the damages do damage
    assert results["read"] > 0


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".stl", ".glb", ".off"])
def test_random_bytes_are_refused(tmp_path, suffix):
    rng = random.Random(suffix)
    starts = {".ply": b"ply\n", ".glb": b"glTF\2\0\0\0", ".off": b"OFF\n", ".stl": b"solid\n"}
    for length in [*range(1, 100), 1000, 100_000]:
        for start in (b"", starts.get(suffix, b"v ")):
            path = tmp_path / f"a{suffix}"
            path.write_bytes(start + rng.randbytes(length))
            with pytest.raises(UserError):
                load_mesh(path)


@pytest.mark.parametrize("name", [n for n in SOUND if n != "rich.glb"])
def test_no_cut_loses_a_face_without_a_word(name):
    """A file cut anywhere is refused, but where only white space or digits of the end are gone."""
    data = SOUND[name]
    whole = read_surface(data, f".{name[-3:]}")
    for length in range(1, len(data)):
        try:
            found = read_surface(data[:length], f".{name[-3:]}")
        except BadMesh:
            continue
        if len(found.faces) == len(whole.faces):
            assert np.array_equal(found.vertices, whole.vertices)
            continue
        # OBJ has no counts: cut between two lines, or in its first face, it is as good as whole.
        assert name.endswith(".obj")
        assert (
            len(found.faces) == 1
            or b"\n" in data[length - 1 : length + 1]
            or data[length] in b"/23 "
        )


def test_every_bit_of_a_binary_face_is_looked_at():
    """A flipped bit in the faces of a PLY, or in the count of an STL, loses no face."""
    for name, faces in (("mixed.ply", 12), ("binary.stl", 12)):
        data = SOUND[name]
        start = data.index(b"end_header\n") + 11 + 96 if name.endswith("ply") else 80
        for at in range(start, len(data) if name.endswith("ply") else 84):
            for bit in range(8):
                changed = bytearray(data)
                changed[at] ^= 1 << bit
                try:
                    found = read_surface(bytes(changed), f".{name[-3:]}")
                except BadMesh:
                    continue
                assert len(found.faces) == faces


def test_hostile_counts_take_no_memory_and_no_time(tmp_path):
    body = CORNERS.astype("<f4").tobytes()
    header = files.ply_header("binary_little_endian", 10**12, vertices=10**12)
    zeros = Glb()
    zeros.scene({"attributes": {"POSITION": zeros.accessor(10**7, 3)}})
    many = Glb()
    many.scene(*[many.box()] * 20_000, extensions={})
    many.json["nodes"] *= 1000
    many.json["scenes"] = [{"nodes": list(range(1000))}]
    hostile = {
        "a.ply": header + body,
        "text.ply": files.ply_header("ascii", 10**12, vertices=10**12) + b"0 " * 1000,
        "a.off": b"OFF 1000000000000 1000000000000 0 " + b"0 " * 1000,
        "a.stl": bytes(80) + struct.pack("<I", 2**32 - 1) + bytes(500),
        "zeros.glb": zeros.bytes(),
        "many.glb": many.bytes(),
        "a.obj": b"v 0 0 0\n" * 3 + b"f 1 2 " + b"9" * 100_000 + b"\n",
        "long.obj": b"v " + b"1" * 10**6 + b" 0 0\n" + b"v 0 0 0\n" * 2 + b"f 1 2 3\n",
        "words.obj": b"\n".join(b"w%d" % i for i in range(100_000)),
    }
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, data in hostile.items():
        path = tmp_path / name
        path.write_bytes(data)
        start = time.process_time()
        with pytest.raises(UserError):
            load_mesh(path)
        assert time.process_time() - start < SECONDS, name
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000
