"""Binary glTF 2.0: what the default scene shows, at rest.

Nodes and instances are placed, morph targets and skins applied, Draco decoded.
Sources: Khronos Group, glTF 2.0 Specification; and the extensions named below.
"""

from collections.abc import Iterator

import numpy as np

from hexplane.geometry.reading import nodes
from hexplane.geometry.reading.accessors import MESHOPT, Arrays
from hexplane.geometry.reading.document import Document, Primitive, parsed
from hexplane.geometry.reading.nodes import INSTANCING, VISIBILITY
from hexplane.geometry.reading.primitives import DRACO, Shape, shape_of
from hexplane.geometry.reading.surface import BadMesh, Floats, Integers, Surface

MOST = 20_000_000
"""Triangles, or vertices, that a file with fewer bytes than that may ask to be placed."""

_GEOMETRY = ("POSITION", "JOINTS_", "WEIGHTS_")
_READ = frozenset({DRACO, INSTANCING, VISIBILITY, "KHR_mesh_quantization"})
# Looks, light, sound and facts, which no surface at rest depends on.
_PASSED = frozenset(
    (
        "KHR_materials_anisotropy",
        "KHR_materials_clearcoat",
        "KHR_materials_diffuse_transmission",
        "KHR_materials_dispersion",
        "KHR_materials_emissive_strength",
        "KHR_materials_ior",
        "KHR_materials_iridescence",
        "KHR_materials_pbrSpecularGlossiness",
        "KHR_materials_sheen",
        "KHR_materials_specular",
        "KHR_materials_transmission",
        "KHR_materials_unlit",
        "KHR_materials_variants",
        "KHR_materials_volume",
        "KHR_materials_volume_scatter",
        "KHR_texture_basisu",
        "KHR_texture_transform",
        "KHR_lights_punctual",
        "KHR_animation_pointer",
        "KHR_node_hoverability",
        "KHR_node_selectability",
        "KHR_xmp",
        "KHR_xmp_json_ld",
        "KHR_audio_emitter",
        "EXT_instance_features",
        "EXT_mesh_features",
        "EXT_structural_metadata",
        "EXT_texture_webp",
        "EXT_texture_avif",
        "EXT_lights_image_based",
        "EXT_lights_ies",
        "MSFT_texture_dds",
    )
)


def read(data: bytes) -> Surface:
    """The triangles of the default scene in the scene's frame; points and lines are passed over.

    Raises:
        BadMesh: the file is cut short or damaged, or needs an extension that is not supported.
    """
    text, binary = _chunks(data)
    document = parsed(text)
    for name in document.extensions_required:
        if name not in _READ | _PASSED | {*MESHOPT}:
            raise BadMesh(f"it needs the extension {name[:60]!r}, which is not supported")
    arrays = Arrays(document, binary, len(data))
    most = max(MOST, len(data))
    shown = nodes.shown(document)
    if _work(document, arrays, shown) > most:
        raise BadMesh(f"it declares more than {most:,} triangles or vertices in all instances")
    vertices, faces, count = [np.empty((0, 3))], [np.empty((0, 3), np.int64)], 0
    with np.errstate(all="ignore"):  # NaN and infinity are named by the checks of every mesh
        for points, corners in _placed(document, arrays, shown):
            faces.append(corners + count)
            vertices.append(points)
            count += len(points)
    return Surface(np.concatenate(vertices), np.concatenate(faces))


def _chunks(data: bytes) -> tuple[bytes, bytes | None]:
    """The JSON and the binary part of a GLB file."""
    if data[:4] != b"glTF":
        raise BadMesh("it does not begin with glTF")
    if len(data) < 12:
        raise BadMesh(f"{len(data)} bytes: cut short")
    version, length = (int.from_bytes(data[at : at + 4], "little") for at in (4, 8))
    if version != 2:
        raise BadMesh(f"glTF version {version} is not read, only 2")
    if length > len(data):
        raise BadMesh(f"{len(data):,} of {length:,} bytes: cut short")
    chunks: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= length:
        size, kind = int.from_bytes(data[at : at + 4], "little"), data[at + 4 : at + 8]
        if at + 8 + size > length:
            raise BadMesh(f"a part of {size:,} bytes goes beyond the file's end: damaged")
        chunks.setdefault(kind, data[at + 8 : at + 8 + size])
        at += 8 + size
    if b"JSON" not in chunks:
        raise BadMesh("it has no JSON: damaged")
    return chunks[b"JSON"], chunks.get(b"BIN\0")


def _work(document: Document, arrays: Arrays, shown: list[int]) -> int:
    """How many vertices and triangles all nodes make, as declared: small files may ask for many."""
    sizes: dict[int, int] = {}
    total = 0
    for node in (document.nodes[index] for index in shown):
        if node.mesh is None:
            continue
        mesh = nodes.named(document.meshes, node.mesh, "mesh")
        if node.mesh not in sizes:
            sizes[node.mesh] = sum(_size(arrays, primitive) for primitive in mesh.primitives)
        moves = 1 + sum(weight != 0 for weight in node.weights or mesh.weights or ())
        total += sizes[node.mesh] * moves * nodes.copies(arrays, node)
    return total


def _size(arrays: Arrays, primitive: Primitive) -> int:
    names = [i for name, i in primitive.attributes.items() if name.startswith(_GEOMETRY)]
    names += [] if primitive.indices is None else [primitive.indices]
    return 100 + sum(arrays.accessor(index).count for index in names)  # also empty ones take time


def _placed(
    document: Document, arrays: Arrays, shown: list[int]
) -> Iterator[tuple[Floats, Integers]]:
    """Positions in the scene's frame, and triangles, of each part of each node that is shown."""
    worlds = nodes.worlds(document)
    shapes: dict[tuple, list[Shape]] = {}
    for index in shown:
        node = document.nodes[index]
        if node.mesh is None:
            continue
        mesh = nodes.named(document.meshes, node.mesh, "mesh")
        weights = tuple(node.weights or mesh.weights or ())
        key = (node.mesh, weights)
        if key not in shapes:
            shapes[key] = [s for p in mesh.primitives if (s := shape_of(arrays, p, weights))]
        if node.skin is None:
            placed, matrices = shapes[key], worlds[index] @ nodes.instances(arrays, node)
        elif INSTANCING in node.extensions:
            raise BadMesh(f"{INSTANCING} of a mesh with a skin is not supported")
        else:  # its joints place it, and its own node does not
            bones = nodes.bones(document, arrays, node.skin, worlds)
            placed, matrices = [shape.moved(bones) for shape in shapes[key]], np.eye(4)[None]
        for shape in placed:
            yield _copies(shape, matrices)


def _copies(shape: Shape, matrices: Floats) -> tuple[Floats, Integers]:
    """A shape at each place [n, 4, 4]; a mirrored one's triangles are turned, as glTF demands."""
    points = shape.points @ matrices[:, :3, :3].transpose(0, 2, 1) + matrices[:, None, :3, 3]
    faces = shape.faces + np.arange(len(matrices))[:, None, None] * len(shape.points)
    mirrored = np.linalg.det(matrices[:, :3, :3]) < 0
    faces[mirrored] = faces[mirrored][:, :, ::-1]
    return points.reshape(-1, 3), faces.reshape(-1, 3)
