"""The parts of a glTF mesh: triangles, strips and fans; Draco, morph targets and skins.

Sources: Khronos Group, glTF 2.0 Specification, chapter 3.7; KHR_draco_mesh_compression.
"""

from dataclasses import dataclass

import numpy as np

from hexplane.geometry.reading.accessors import Arrays, component, normalised
from hexplane.geometry.reading.document import Draco, Primitive, valid
from hexplane.geometry.reading.polygons import fan, strip
from hexplane.geometry.reading.surface import BadMesh, Floats, Integers, check_indices, doubles

DRACO = "KHR_draco_mesh_compression"
_TRIANGLES, _STRIP, _FAN = 4, 5, 6


@dataclass(frozen=True)
class Shape:
    """Positions [V, 3], triangles [F, 3], and joints with their weights [V, J], J = 0 without."""

    points: Floats
    faces: Integers
    joints: Integers
    weights: Floats

    def moved(self, bones: Floats) -> "Shape":
        """The shape as joints [J, 4, 4] move it.

        Raises:
            BadMesh: the shape has no weights, or names a joint that is not there.
        """
        if self.joints.shape[1] == 0:
            raise BadMesh("a mesh with a skin has no JOINTS_0 and WEIGHTS_0")
        if self.joints.size and self.joints.max() >= len(bones):
            raise BadMesh("a vertex names a joint that is not there")
        total = self.weights.sum(axis=1)
        if not ((total > 0) & np.isfinite(total)).all():
            raise BadMesh("a vertex follows no joint: its weights are 0, or no numbers")
        points = np.zeros_like(self.points)
        for joint, weight in zip(self.joints.T, (self.weights / total[:, None]).T, strict=True):
            bone = bones[joint]
            there = np.einsum("vij,vj->vi", bone[:, :3, :3], self.points) + bone[:, :3, 3]
            points += weight[:, None] * there
        return Shape(points, self.faces, self.joints, self.weights)


def shape_of(arrays: Arrays, primitive: Primitive, morph: tuple[float, ...]) -> Shape | None:
    """A primitive with its morph targets applied; None if it has no triangles.

    Raises:
        BadMesh: its data are damaged, or do not go together.
    """
    if primitive.mode < _TRIANGLES or "POSITION" not in primitive.attributes:
        return None
    if DRACO in primitive.extensions:
        data, faces = _draco(arrays, primitive)
    else:
        data, faces = {}, None

    def read(name: str, kind: str) -> np.ndarray:
        return data[name] if name in data else arrays.read(primitive.attributes[name], kind)

    points = doubles(read("POSITION", "VEC3"))
    if faces is None:
        faces = _faces(arrays, primitive, len(points))
    check_indices(faces, len(points))
    if morph and len(morph) != len(primitive.targets):
        raise BadMesh(f"{len(morph)} weights for {len(primitive.targets)} morph targets")
    for weight, target in zip(morph, primitive.targets, strict=False):
        if weight and "POSITION" in target:
            points = points + weight * doubles(
                _as_long(arrays.read(target["POSITION"], "VEC3"), points)
            )
    names = [n for n in primitive.attributes if n.startswith("JOINTS_")]
    joints, weights = [np.zeros((len(points), 0), np.int64)], [np.zeros((len(points), 0))]
    for name in names:
        if (by := name.replace("JOINTS", "WEIGHTS")) not in primitive.attributes:
            raise BadMesh(f"{name} without {by}")
        joints.append(_as_long(read(name, "VEC4"), points).astype(np.int64))
        weights.append(doubles(_as_long(read(by, "VEC4"), points)))
    return Shape(points, faces, np.concatenate(joints, axis=1), np.concatenate(weights, axis=1))


def _as_long(values: np.ndarray, points: Floats) -> np.ndarray:
    if len(values) != len(points):
        raise BadMesh(f"{len(values):,} values for {len(points):,} vertices")
    return values


def _faces(arrays: Arrays, primitive: Primitive, count: int) -> Integers:
    if primitive.indices is None:
        corners = np.arange(count)
    else:
        corners = arrays.read(primitive.indices, "SCALAR")[:, 0].astype(np.int64)
    if primitive.mode == _STRIP:
        return strip(corners)
    if primitive.mode == _FAN:
        return fan(corners)
    if len(corners) % 3:
        raise BadMesh(f"{len(corners):,} corners, which make no whole triangles")
    return corners.reshape(-1, 3)


def _draco(arrays: Arrays, primitive: Primitive) -> tuple[dict[str, np.ndarray], Integers]:
    """The attributes and the triangles that a primitive keeps in Draco's form."""
    import DracoPy

    part = valid(Draco, primitive.extensions[DRACO], DRACO)
    try:
        mesh = DracoPy.decode(bytes(arrays.view(part.buffer_view)))
        faces = np.asarray(mesh.faces, np.int64).reshape(-1, 3)
    except BadMesh:
        raise
    except Exception:  # DracoPy has exceptions of several kinds for damaged data
        raise BadMesh("its Draco data are damaged") from None
    found = {}
    for name, number in part.attributes.items():
        if name != "POSITION" and not name.startswith(("JOINTS_", "WEIGHTS_")):
            continue
        attribute = mesh.get_attribute_by_unique_id(number)
        if attribute is None or name not in primitive.attributes:
            raise BadMesh(f"its Draco data have no {name}")
        accessor = arrays.accessor(primitive.attributes[name])
        values = np.asarray(attribute["data"]).astype(component(accessor))
        if len(values) != accessor.count:
            raise BadMesh(f"its Draco data have {len(values):,} of {accessor.count:,} vertices")
        found[name] = normalised(values) if accessor.normalized else values
    if "POSITION" in found and found["POSITION"].shape[1] != 3:
        raise BadMesh("its Draco data have no positions in three dimensions")
    return found, faces
