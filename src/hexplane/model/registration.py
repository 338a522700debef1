"""Heads registered to a template: where each voxel's own place lies in the template's field.

A displacement u takes a point y of a head to the template, so that the head's field is
F(y) = T(y + u(y)): then a mouth lies where the template's does, and means of heads have one mouth.
Displacements are found by demons (Thirion, Medical Image Analysis 1998) on signed distances, from
coarse to fine, and kept as a cubic B-spline's coefficients on a lattice. Units are canonical.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from hexplane.geometry import frame
from hexplane.model.alignment import untruncated
from hexplane.model.codecs.losses import SDF_TRUNCATION

LATTICE = 16
"""Coefficients along a side."""
SIDES = 0.5
"""Share of a stage's truncation within which a surface draws."""
SURE = 0.05
"""Weight of standing still where no surface is near."""
ROUNDS = 2
"""Corrections of what pulling a field back and forth has smoothed."""
INVERSIONS = 6

Field = NDArray[np.float32]


class Stage(NamedTuple):
    """Steps of one size."""

    side: int  # voxels
    steps: int
    smooth: float  # standard deviation of a step's Gaussian, in voxels of this stage
    truncation: float  # of distances, canonical


STAGES = (Stage(16, 20, 2.0, 0.3), Stage(32, 15, 1.5, 0.15), Stage(64, 2, 2.0, 0.1))


def register(field: Field, template: Field) -> Field:
    """The coefficients [3, L, L, L] of the displacement that takes a head to the template.

    Args:
        field: truncated signed distance [N, N, N] of the head, N a power of 2, at least 16.
        template: the same of the template.
    """
    size = len(field)
    head, aim = _whole(field), _whole(template)
    moved: Field = np.zeros((3, *(STAGES[0].side,) * 3), dtype=np.float32)
    for stage in STAGES:
        side = min(stage.side, size)
        if moved.shape[1] != side:
            moved = _zoomed(moved, side)
        limit = stage.truncation
        own, target = (_shrunk(each, side).clip(-limit, limit) for each in (head, aim))
        moved = _steps(own, target, moved, stage)
    return _fitted(moved)


def displacement(coefficients: Field, size: int) -> Field:
    """The displacement [3, N, N, N] of B-spline coefficients [3, L, L, L]."""
    return _along_axes(spline(size), coefficients)


def pulled_back(field: Field, moved: Field) -> Field:
    """The field in the template's place, T with T(y + u(y)) nearest to F(y).

    Args:
        field: [N, N, N].
        moved: the displacement u [3, N, N, N].
    """
    back = -moved
    for _ in range(INVERSIONS):
        back = -np.stack([sampled(each, back) for each in moved])
    made = sampled(field, back)
    for _ in range(ROUNDS):
        made += sampled(field - sampled(made, moved), back)
    return made


def sampled(field: Field, moved: Field) -> Field:
    """Trilinear F(y + u(y)) at all voxels; beyond the cube as at its side."""
    size = len(field)
    places = _indices(size) + moved * np.float32(size / 2)
    made: Field = ndimage.map_coordinates(field, places, order=1, mode="nearest")
    return made


@cache
def spline(size: int) -> Field:
    """Weights [N, L] of cubic B-splines at voxel centres; the outermost are repeated outwards."""
    places = (np.arange(size) + 0.5) * LATTICE / size - 0.5
    away = np.abs(places[:, None] - np.arange(-2, LATTICE + 2))
    near = 2 / 3 - away**2 + away**3 / 2
    weights = np.where(away < 1, near, (2 - away.clip(max=2)) ** 3 / 6)
    inner = weights[:, 2:-2].copy()
    inner[:, 0] += weights[:, :2].sum(axis=1)
    inner[:, -1] += weights[:, -2:].sum(axis=1)
    return inner.astype(np.float32)


def spline_at(voxels: NDArray[np.integer], size: int) -> sparse.csr_array:
    """Weights [M, L^3] of the coefficients at some voxels [M], flat indices of [N, N, N]."""
    weights = spline(size)
    some = np.argsort(-weights, axis=1, kind="stable")[:, :4]
    share = np.take_along_axis(weights, some, axis=1)
    x, y, z = np.unravel_index(voxels, (size,) * 3)
    columns = (some[x][:, :, None, None] * LATTICE + some[y][:, None, :, None]) * LATTICE
    columns = (columns + some[z][:, None, None, :]).reshape(len(voxels), -1)
    shares = share[x][:, :, None, None] * share[y][:, None, :, None] * share[z][:, None, None, :]
    rows = np.arange(0, columns.size + 1, columns.shape[1])
    entries = shares.ravel(), columns.ravel(), rows
    return sparse.csr_array(entries, shape=(len(voxels), LATTICE**3))


def _steps(field: Field, template: Field, moved: Field, stage: Stage) -> Field:
    slopes: list[Field] = list(np.gradient(template, 2 / len(field)))
    width = SIDES * stage.truncation
    for _ in range(stage.steps):
        rest = field - sampled(template, moved)
        slope: Field = np.stack([sampled(each, moved) for each in slopes])
        near = np.exp(-((np.minimum(np.abs(field), np.abs(field - rest)) / width) ** 2))
        steep = np.square(slope).sum(axis=0) + 0.1 * (rest / stage.truncation) ** 2 + 0.01
        step = near * rest / steep
        share = ndimage.gaussian_filter(near, stage.smooth) + SURE
        moved = moved + np.stack(
            [ndimage.gaussian_filter(step * slope[axis], stage.smooth) / share for axis in range(3)]
        )
        moved = np.stack([ndimage.gaussian_filter(each, 0.5) for each in moved])
    return moved


def _fitted(moved: Field) -> Field:
    """Coefficients of least squares."""
    return _along_axes(np.linalg.pinv(spline(moved.shape[1])).astype(np.float32), moved)


def _along_axes(matrix: Field, values: Field) -> Field:
    """A matrix [A, B] along each of the last three axes of values [3, B, B, B]."""
    for _ in range(3):
        values = np.tensordot(values, matrix, axes=(1, 1))
    return values


def _whole(field: Field) -> Field:
    """Distances as they are within a field's truncation, and those of whole voxels beyond."""
    whole = untruncated(field)
    far = whole - np.sign(whole) / len(field)  # half a voxel
    limit = 0.9 * SDF_TRUNCATION
    beyond = np.sign(field) * np.maximum(np.abs(far), limit)
    return np.where(np.abs(field) < limit, field, beyond).astype(np.float32)


def _shrunk(field: Field, side: int) -> Field:
    block = len(field) // side
    return field.reshape(side, block, side, block, side, block).mean(axis=(1, 3, 5))


def _zoomed(moved: Field, side: int) -> Field:
    factor = [side / moved.shape[1]] * 3
    return np.stack(
        [ndimage.zoom(each, factor, order=1, grid_mode=True, mode="nearest") for each in moved]
    )


@cache
def _indices(size: int) -> Field:
    axis = np.arange(size, dtype=np.float32)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"))


def places(voxels: NDArray[np.integer], size: int) -> NDArray[np.float64]:
    """Centres [M, 3] of voxels, canonical."""
    found = np.stack(np.unravel_index(voxels, (size,) * 3), axis=1)
    return np.asarray(frame.voxel_centres(size)[found], dtype=np.float64)
