"""Whether a head stands as it was said to: a hint, because no shape can prove it."""

import numpy as np
from numpy.typing import NDArray

from hexplane.geometry import frame
from hexplane.geometry.solid import Solid

NECK = 0.02
"""Share of the solid's area from which an opening may be the neck's."""
DEEP = 0.9
"""Extent along an opening's axis, as a share of that along `up`, from which the opening may be a
neck's: a mask is open at its back, and less deep."""
LONGER = 1.25
"""Without such an opening, an axis so much longer than `up` gives the hint."""


def upright_hint(solid: Solid, transform: frame.Array, up: frame.UpAxis) -> str:
    """What a wrong `up` looks like, in the source's own axes; nothing where all is plausible.

    Args:
        solid: in the canonical cube.
        transform: from the source to the cube [4, 4].
        up: axis that was said to point up in the source.
    """
    turn = transform[:3, :3] / np.linalg.norm(transform[0, :3])
    extents = np.abs(turn.T @ solid.mesh.extents)
    size = {axis: float(extent) for axis, extent in zip("xyz", extents, strict=True)}
    longest = max(size, key=lambda axis: size[axis])
    below = _largest_opening(solid)
    if below is None:
        if longest == up or size[longest] < LONGER * size[up]:
            return ""
        return f"{longest} is its longest axis, but up is {up}{_remedy(longest)}"
    below = turn.T @ below
    at = int(np.abs(below).argmax())
    axis, side = "xyz"[at], "-" if below[at] < 0 else "+"
    if (axis, side) == (up, "-") or size[axis] < DEEP * size[up]:
        return ""
    seen = f"its largest opening, the neck's as a rule, lies at {side}{axis}, but up is {up}"
    also = f", and {longest} is its longest axis" if longest == axis else ""
    return seen + also + (_remedy(axis) if side == "-" else "; turn it")


def _remedy(axis: str) -> str:
    return f" (does up: {axis} fit?)" if axis in ("y", "z") else "; turn it"


def _largest_opening(solid: Solid) -> NDArray[np.float64] | None:
    """The outward normal of the largest opening, by its area; None where none may be a neck."""
    caps = np.asarray(solid.mesh.faces)[solid.source_faces :]
    if len(caps) == 0:
        return None
    corners = np.asarray(solid.mesh.vertices)[caps]
    areas = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 2
    # The centre of a rim comes after all vertices of the source.
    _, opening = np.unique(caps.max(axis=1), return_inverse=True)
    vectors = np.zeros((opening.max() + 1, 3))
    np.add.at(vectors, opening.reshape(-1), areas)
    sizes = np.linalg.norm(vectors, axis=1)
    largest = int(sizes.argmax())
    if sizes[largest] < NECK * solid.mesh.area:
        return None
    return np.asarray(vectors[largest] / sizes[largest])
