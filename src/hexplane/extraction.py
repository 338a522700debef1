"""A mesh from a field or from views: the one way, for networks and for the oracles beside them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from hexplane.geometry import fusion
from hexplane.geometry.hexplane import hexplane_of
from hexplane.geometry.isosurface import drop_islands, marching_cubes
from hexplane.plumbing.errors import UserError
from hexplane.reconstruction.methods import reconstructed
from hexplane.settings.extract import ExtractionSection


@dataclass(frozen=True)
class ScalarField:
    """Values at the voxel centres of the canonical cube, and where the surface is in them.

    Attributes:
        values: [N, N, N] indexed x, y, z.
        level: value at the surface.
        outside: value outside the cube, on the outer side of the level.
    """

    values: NDArray[np.float32]
    level: float
    outside: float


@dataclass(frozen=True)
class Extraction:
    """A field and its mesh.

    Attributes:
        mesh: canonical; without faces where the field never crosses its level.
        method: what made it, where it was not taken out of the field.
    """

    field: ScalarField
    mesh: trimesh.Trimesh
    method: str | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """What a manifest says of it: whether the mesh is empty, and the range of the field.

        Of one that was not taken out of the field also whether it is closed and outward.
        """
        own = {}
        if self.method is not None:
            own = {"method": self.method, "closed": bool(self.mesh.is_volume)}
        return {
            **own,
            "empty": is_empty(self.mesh),
            "field_min": float(self.field.values.min()),
            "field_max": float(self.field.values.max()),
            "level": self.field.level,
        }


def is_empty(mesh: trimesh.Trimesh) -> bool:
    """Whether a mesh has no faces: the result of a field that never crosses its level."""
    return len(mesh.faces) == 0


def fused(
    coverage: NDArray[np.floating],
    depth: NDArray[np.floating] | None,
    normal: NDArray[np.floating] | None,
    settings: ExtractionSection,
) -> ScalarField:
    """Occupancy fused from six views: carved by depth where there is any, else the visual hull.

    Args:
        coverage: [6, R, R] in [0, 1].
        depth: [6, R, R], distance from the near face / 2; or None.
        normal: [6, 3, R, R]; None: as steep as the depth's own differences.
        settings: grid and level.
    """
    if depth is None:
        values = fusion.visual_hull(coverage, settings.resolution)
    else:
        # Half: marching cubes takes what is all but at the level for above it.
        values = fusion.carve(coverage, depth, normal, settings.resolution, settings.level / 2)
    return ScalarField(values, settings.level, 0.0)


def signed(distance: NDArray[np.float32]) -> ScalarField:
    """Signed distance [N, N, N], negative inside; its surface is at 0."""
    return ScalarField(distance, 0.0, 1.0)


def extract(field: ScalarField, settings: ExtractionSection) -> Extraction:
    """The mesh of a field by marching cubes, without its islands."""
    mesh = marching_cubes(field.values, field.level, field.outside)
    return Extraction(field, drop_islands(mesh, settings.islands))


def from_views(
    coverage: NDArray[np.floating],
    depth: NDArray[np.floating] | None,
    normal: NDArray[np.floating] | None,
    settings: ExtractionSection,
) -> Extraction:
    """The mesh of six views, as `settings.method` takes it; images are those of `fused`.

    Raises:
        UserError: the method needs depth, and there is none.
    """
    field = fused(coverage, depth, normal, settings)
    if settings.method == "fusion":
        return extract(field, settings)
    if depth is None:
        raise UserError(
            f"extraction.method: {settings.method} needs depth, and these views have none "
            "(allowed: fusion)"
        )
    mesh = reconstructed(settings.method, hexplane_of(coverage, depth, normal))
    return Extraction(field, drop_islands(mesh, settings.islands), settings.method)
