"""Where the nodes of a glTF document stand.

Sources: Khronos Group, glTF 2.0 Specification, chapters 3.5 and 3.7.3; EXT_mesh_gpu_instancing;
KHR_node_visibility.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from hexplane.geometry.reading.accessors import Arrays
from hexplane.geometry.reading.document import Document, Instancing, Node, Visibility, valid
from hexplane.geometry.reading.surface import BadMesh, Floats

INSTANCING = "EXT_mesh_gpu_instancing"
VISIBILITY = "KHR_node_visibility"
T = TypeVar("T")


def named(parts: Sequence[T], index: int, what: str) -> T:
    """The part of a document that an index names.

    Raises:
        BadMesh: there is none.
    """
    if index >= len(parts):
        raise BadMesh(f"it names {what} {index}, which is not there")
    return parts[index]


def shown(document: Document) -> list[int]:
    """The nodes of the default scene, or of the first, or all where there are no scenes.

    A node that is not visible hides what is below it.
    """
    if document.scenes:
        open_ = list(named(document.scenes, document.scene or 0, "scene").nodes)
    else:
        below = {child for node in document.nodes for child in node.children}
        open_ = [index for index in range(len(document.nodes)) if index not in below]
    found: dict[int, None] = {}
    while open_:
        index = open_.pop()
        if index not in found and _visible(named(document.nodes, index, "node")):
            found[index] = None
            open_ += document.nodes[index].children
    return sorted(found)


def _visible(node: Node) -> bool:
    told = node.extensions.get(VISIBILITY)
    return told is None or valid(Visibility, told, VISIBILITY).visible


def worlds(document: Document) -> Floats:
    """Each node's transform [N, 4, 4] to the scene.

    Raises:
        BadMesh: a node has two parents, or stands below itself.
    """
    parent = np.full(len(document.nodes), -1)
    for index, node in enumerate(document.nodes):
        for child in node.children:
            named(document.nodes, child, "node")
            if parent[child] >= 0:
                raise BadMesh(f"node {child} has two parents")
            parent[child] = index
    result = np.empty((len(parent), 4, 4))
    open_ = np.flatnonzero(parent < 0).tolist()
    done = 0
    while open_:
        index = open_.pop()
        node, above = document.nodes[index], parent[index]
        result[index] = _local(node) if above < 0 else result[above] @ _local(node)
        open_ += node.children
        done += 1
    if done < len(parent):
        raise BadMesh("a node stands below itself")
    return result


def instances(arrays: Arrays, node: Node) -> Floats:
    """Where the copies of a node's mesh stand [n, 4, 4], relative to the node.

    Raises:
        BadMesh: the accessors of the instances do not go together.
    """
    if INSTANCING not in node.extensions:
        return np.eye(4)[None]
    names = _instancing(node)
    kinds = {"TRANSLATION": "VEC3", "ROTATION": "VEC4", "SCALE": "VEC3"}
    given = {name: arrays.read(names[name], kind) for name, kind in kinds.items() if name in names}
    lengths = {len(values) for values in given.values()}
    if len(lengths) != 1:
        raise BadMesh(f"{INSTANCING}: its attributes are missing or differ in length")
    (n,) = lengths
    return _transforms(
        given.get("TRANSLATION", np.zeros((n, 3))),
        given.get("ROTATION", np.tile([0.0, 0.0, 0.0, 1.0], (n, 1))),
        given.get("SCALE", np.ones((n, 3))),
    )


def copies(arrays: Arrays, node: Node) -> int:
    """How many instances a node's mesh has, as declared."""
    if INSTANCING not in node.extensions:
        return 1
    return max((arrays.accessor(index).count for index in _instancing(node).values()), default=0)


def _instancing(node: Node) -> dict[str, int]:
    return valid(Instancing, node.extensions[INSTANCING], INSTANCING).attributes


def bones(document: Document, arrays: Arrays, index: int, placed: Floats) -> Floats:
    """What a skin's joints do [J, 4, 4]: from the bound mesh to the scene.

    Raises:
        BadMesh: the skin, a joint or its matrix is not there.
    """
    skin = named(document.skins, index, "skin")
    for joint in skin.joints:
        named(document.nodes, joint, "node")
    joints: Floats = placed[skin.joints]
    if skin.inverse_bind_matrices is None:
        return joints
    inverse = arrays.read(skin.inverse_bind_matrices, "MAT4")
    if len(inverse) < len(joints):
        raise BadMesh(f"skin {index} has {len(joints)} joints and {len(inverse)} matrices")
    return joints @ inverse[: len(joints)].reshape(-1, 4, 4).transpose(0, 2, 1)


def _local(node: Node) -> Floats:
    if node.matrix is not None:
        return np.reshape(node.matrix, (4, 4)).T
    return _transforms(*(np.array([v]) for v in (node.translation, node.rotation, node.scale)))[0]


def _transforms(translation: Floats, rotation: Floats, scale: Floats) -> Floats:
    """Transforms [n, 4, 4] of translations [n, 3], quaternions x y z w [n, 4] and scales [n, 3]."""
    length = np.linalg.norm(rotation, axis=1, keepdims=True)
    if not (length > 0).all():
        raise BadMesh("a rotation is no quaternion")
    x, y, z, w = (rotation / length).T
    result = np.zeros((len(translation), 4, 4))
    result[:, 3, 3] = 1
    result[:, :3, 3] = translation
    result[:, :3, :3] = np.stack(
        [
            *(1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
            *(2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
            *(2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
        ],
        axis=1,
    ).reshape(-1, 3, 3)
    result[:, :3, :3] *= scale[:, None, :]
    return result
