"""Solids whose shape is known exactly, for methods to be judged on; y is up, z the front."""

from collections.abc import Callable

import manifold3d
import numpy as np
import trimesh

from hexplane.geometry.frame import similarity

SECTIONS = 128
"""Sides of a circle."""


def analytic(name: str) -> trimesh.Trimesh:
    """A closed, outward solid of that name, in units of its own.

    Raises:
        KeyError: there is none of that name.
    """
    return _SOLIDS[name]()


def _sphere() -> trimesh.Trimesh:
    return trimesh.creation.icosphere(subdivisions=5, radius=1.0)


def _cube() -> trimesh.Trimesh:
    return trimesh.creation.box(extents=(2, 2, 2))


def _cylinder() -> trimesh.Trimesh:
    """Upright."""
    return _upright(trimesh.creation.cylinder(radius=0.7, height=2, sections=SECTIONS))


def _torus() -> trimesh.Trimesh:
    """Lying flat: radius 0.7, tube 0.3."""
    return _upright(
        trimesh.creation.torus(0.7, 0.3, major_sections=SECTIONS, minor_sections=SECTIONS // 2)
    )


def _l_shape() -> trimesh.Trimesh:
    """Two boxes, one upright, its foot to the right."""
    return _boxes(((0, 0, 0), (2, 0.7, 1)), ((0, 0, 0), (0.7, 2, 1)))


def _chair() -> trimesh.Trimesh:
    """A seat, a back and four legs."""
    legs = [((x, 0, z), (x + 0.15, 1, z + 0.15)) for x in (0, 0.85) for z in (0, 0.85)]
    return _boxes(((0, 0.9, 0), (1, 1.05, 1)), ((0, 0.9, 0), (1, 2, 0.15)), *legs)


Box = tuple[tuple[float, float, float], tuple[float, float, float]]


def _boxes(*boxes: Box) -> trimesh.Trimesh:
    """The union of boxes, each given by two corners."""
    parts = []
    for low, high in boxes:
        x, y, z = np.subtract(high, low).tolist()
        parts.append(manifold3d.Manifold.cube((x, y, z)).translate(low))
    mesh = manifold3d.Manifold.batch_boolean(parts, manifold3d.OpType.Add).to_mesh()
    return trimesh.Trimesh(mesh.vert_properties[:, :3], mesh.tri_verts, process=False)


def _upright(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """A mesh around z turned around y."""
    mesh.apply_transform(similarity(1.0, np.zeros(3), "z"))
    return mesh


_SOLIDS: dict[str, Callable[[], trimesh.Trimesh]] = {
    "sphere": _sphere,
    "cube": _cube,
    "cylinder": _cylinder,
    "torus": _torus,
    "l-shape": _l_shape,
    "chair": _chair,
}
