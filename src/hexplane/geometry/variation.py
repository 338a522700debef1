"""Heads bent into others: turned, stretched, warped and roughened, without a new fold.

Models that learn from one family's heads alone know no others; variations of them fill what lies
between families. Random elastic warps are an old augmentation of pictures (Simard, Steinkraus and
Platt, ICDAR 2003); here they move vertices, so that a solid stays one.
"""

from typing import NamedTuple

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from hexplane.geometry import frame

TURN = 12.0
"""Degrees, as a standard deviation of each of three angles, at a strength of 1."""
STRETCH = 0.12
"""Standard deviation of the logarithm of the scale along each axis."""


class Scale(NamedTuple):
    """Displacements on a lattice over the head's bounding cube, smooth in between."""

    cells: int  # along a side
    deviation: float  # of each coordinate, in sides of the cube


SCALES = (Scale(3, 0.04), Scale(6, 0.012), Scale(16, 0.002))
"""From the shape of a skull to the roughness of hair."""
LEAST_VOLUME = 0.3
"""Of a small cube after the warp, so that nothing folds; a wilder warp is weakened to that."""
WEAKER = 0.8
PROBES = 33
"""Points along a side at which folding is looked for."""


def varied(mesh: trimesh.Trimesh, seed: int, most: float) -> trimesh.Trimesh:
    """A variation of a head, of a strength drawn evenly between 0 and `most`.

    Args:
        mesh: any units; its faces are kept, and its vertices move.
        seed: the same seed gives the same variation.
        most: greatest strength; at 1, lengths change by a tenth and angles by 12 degrees.
    """
    rng = np.random.default_rng([seed, 1])
    strength = most * rng.uniform()
    middle, side = mesh.bounds.mean(axis=0), float(mesh.extents.max())
    turn = Rotation.from_rotvec(np.radians(TURN) * strength * rng.standard_normal(3)).as_matrix()
    stretch = np.exp(STRETCH * strength * rng.standard_normal(3))
    lattices = [
        strength * scale.deviation * rng.standard_normal((3, *(scale.cells,) * 3))
        for scale in SCALES
    ]
    weight = _unfolded(lattices)
    places = (mesh.vertices - middle) / side  # within +-0.5
    moved = places + weight * _displacement(lattices, places)
    vertices = (moved * stretch) @ turn.T * side + middle
    return trimesh.Trimesh(vertices, mesh.faces, process=False)


def _displacement(
    lattices: list[NDArray[np.float64]], places: NDArray[np.floating]
) -> NDArray[np.float64]:
    """At places [P, 3] within +-0.5: cubic splines through the lattices."""
    total = np.zeros(places.shape)
    for lattice in lattices:
        index = (places.T + 0.5) * (lattice.shape[1] - 1)
        for axis, values in enumerate(lattice):
            total[:, axis] += ndimage.map_coordinates(values, index, order=3, mode="nearest")
    return total


def _unfolded(lattices: list[NDArray[np.float64]]) -> float:
    """The greatest of a few weights at which no small cube shrinks too far."""
    axis = np.linspace(-0.5, 0.5, PROBES)
    places = frame.grid_points(axis)
    moved = _displacement(lattices, places).reshape(PROBES, PROBES, PROBES, 3)
    spacing = 1 / (PROBES - 1)
    slopes = np.stack([np.gradient(moved, spacing, axis=own) for own in range(3)], axis=-1)
    weight = 1.0
    while np.linalg.det(np.eye(3) + weight * slopes).min() < LEAST_VOLUME:
        weight *= WEAKER
    return weight
