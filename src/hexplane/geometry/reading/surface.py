"""What every reader gives back, and how it refuses."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FAR = 1000.0
"""A vertex this many times farther from the middle than half of all is no part of the surface."""


class BadMesh(ValueError):
    """The file is damaged, or holds what cannot be read; the message says what, in a few words."""


@dataclass(frozen=True)
class Surface:
    """Positions [V, 3] in the file's own units, and triangles [F, 3] that index them."""

    vertices: Floats
    faces: Integers


def doubles(values: np.ndarray) -> Floats:
    """Values in double precision; numpy warns of some NaNs, which the checks of every mesh name."""
    with np.errstate(invalid="ignore"):
        return values.astype(np.float64)


def check_indices(corners: Integers, vertices: int) -> None:
    """Raise `BadMesh` where a corner names none of the vertices."""
    if corners.size and (corners.min() < 0 or corners.max() >= vertices):
        raise BadMesh("a face names a vertex that is not there (cut short?)")


def check_outliers(surface: Surface) -> None:
    """Name corners of faces that lie absurdly far from all others, as one flipped bit puts them.

    A flipped bit in the exponent of a coordinate multiplies it by 2^16 or more, or by less than
    shows. Scaled by its bounding box, such a mesh would be smaller than a voxel.

    Raises:
        BadMesh: a vertex lies `FAR` times as far from the median of all as half of them do.
    """
    marked = np.zeros(len(surface.vertices), dtype=bool)
    marked[surface.faces] = True
    used = np.flatnonzero(marked)
    points = surface.vertices[used]
    if len(points) == 0 or not np.isfinite(points).all():
        return  # named by the checks of every mesh
    with np.errstate(over="ignore"):  # 1e308 less -1e308
        distance = np.abs(points - np.median(points, axis=0)).max(axis=1)
    usual = np.median(distance)
    far = np.flatnonzero(distance > FAR * usual) if usual > 0 else np.empty(0, int)
    if len(far):
        at = " ".join(f"{value:.6g}" for value in points[far[0]])
        others = f" and {len(far) - 1:,} others lie" if len(far) > 1 else " lies"
        raise BadMesh(
            f"gross outlier: vertex {used[far[0]]:,} at ({at}){others} more than {FAR:,.0f} times "
            "farther out than half of the mesh (damaged, or stray pieces: remove them)"
        )
