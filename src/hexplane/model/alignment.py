"""Where a head lies in the frame of a mean head: an affine map, found by Gauss-Newton steps.

Heads of other kinds fill the canonical cube in other ways, as their necks are cut elsewhere. Laid
on the mean head, the components of heads that were fitted to describe them far better.

A map is q = B p + u from a canonical point p to the mean head's frame. A pose [12] holds B - 1, row
by row, and u, in whole multiples of `STEP`; 0 is no map at all. Fields are signed distances
[N, N, N] on the voxels of the canonical cube.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hexplane.geometry import frame
from hexplane.model.codecs.losses import SDF_TRUNCATION

NUMBERS = 12
STEP = 2.0**-13
"""A pose is exact to 0.0001; int16 holds maps of up to 4."""
WIDE = ((0.4, 0.3, False, 8), (0.3, 0.2, True, 6))
"""First the mean head alone: truncation of the distances, band, affine or scaled, and steps."""
FINE = (SDF_TRUNCATION, 0.06, True, 2)
"""Then with more and more components."""
COMPONENTS = range(10, 67, 8)
SPARSE = 3
"""Each third voxel of a band takes part in a step."""
DAMPING = 1e-5
LARGEST, SMALLEST = 3.0, 0.3
"""Scales of a map that is believed."""

Field = NDArray[np.float32]
Floats = NDArray[np.floating]
Pose = NDArray[np.integer] | Floats


def posed(field: Field, pose: Pose) -> Field:
    """A field of the mean head's frame, in the canonical one.

    Distances are scaled by the map's mean scale; near a surface an affine map errs by no more than
    it is from a similarity.
    """
    if not pose.any():
        return field
    turned, moved = _map(pose)
    return _resampled(field, turned, moved)


def unposed(field: Field, pose: Pose) -> Field:
    """A canonical field in the mean head's frame: what `posed` undoes, but for sampling."""
    turned, moved = _map(pose)
    back = np.linalg.inv(turned)
    return _resampled(field, back, -back @ moved)


def align(field: Field, mean: Field, project: Callable[[Field, int], Field]) -> Pose:
    """The pose of a head; 0 where none was found.

    Args:
        field: of the head, truncated.
        mean: of the mean head, truncated.
        project: the nearest field, in the mean head's frame, of so many components.
    """
    # p = A q + t: the field is sampled where the mean head's voxels lie.
    turned: Floats = np.eye(3)
    moved: Floats = np.zeros(3)
    whole, model = untruncated(field), untruncated(mean)
    try:
        for stage in WIDE:
            turned, moved = _steps(whole, model, turned, moved, *stage)
        for count in COMPONENTS:
            scale = np.cbrt(np.linalg.det(turned))
            laid = _resampled(field, turned, moved)
            nearest = np.asarray(project(laid, count) * scale, dtype=np.float32)
            turned, moved = _steps(field, nearest, turned, moved, *FINE)
        back = np.linalg.inv(turned)
    except np.linalg.LinAlgError:
        return np.zeros(NUMBERS, dtype=np.int64)
    sizes = np.linalg.svd(back, compute_uv=False)
    if not (np.linalg.det(back) > 0 and SMALLEST < sizes.min() <= sizes.max() < LARGEST):
        return np.zeros(NUMBERS, dtype=np.int64)
    numbers = np.concatenate([(back - np.eye(3)).ravel(), -back @ moved]) / STEP
    if np.abs(numbers).max() > np.iinfo(np.int16).max:
        return np.zeros(NUMBERS, dtype=np.int64)
    return np.round(numbers).astype(np.int64)


def _map(pose: Pose) -> tuple[Floats, Floats]:
    numbers = np.asarray(pose, dtype=np.float64) * STEP
    return np.eye(3) + numbers[:9].reshape(3, 3), numbers[9:]


def _steps(
    field: Field,
    model: Field,
    turned: Floats,
    moved: Floats,
    truncation: float,
    band: float,
    affine: bool,
    count: int,
) -> tuple[Floats, Floats]:
    """Gauss-Newton steps of A, t in field(A q + t) = model(q), near the model's surface."""
    field = field.clip(-truncation, truncation)
    slopes: list[Field] = list(np.gradient(field, 2 / len(field)))
    model = model.ravel().clip(-truncation, truncation)
    chosen = np.flatnonzero(np.abs(model) < band)[::SPARSE]
    points = _points(len(field))[chosen]
    for _ in range(count):
        places = points @ turned.T + moved
        rest = model[chosen] - _sampled(field, places)
        slope = np.stack([_sampled(each, places) for each in slopes], axis=1)
        if affine:
            derivative = (slope[:, :, None] * points[:, None, :]).reshape(-1, 9)
        else:
            derivative = (slope * points).sum(axis=1, keepdims=True)
        derivative = np.concatenate([derivative, slope], axis=1).astype(np.float64)
        normal = derivative.T @ derivative
        normal += DAMPING * np.trace(normal) / len(normal) * np.eye(len(normal))
        change = np.linalg.solve(normal, derivative.T @ rest)
        turned = turned + (change[:9].reshape(3, 3) if affine else change[0] * np.eye(3))
        moved = moved + change[-3:]
    return turned, moved


def _resampled(field: Field, turned: Floats, moved: Floats) -> Field:
    places = _points(len(field)) @ turned.T.astype(np.float32) + moved.astype(np.float32)
    scale = np.cbrt(abs(np.linalg.det(turned)))
    made = _sampled(field, places) / np.float32(scale)
    return made.clip(-SDF_TRUNCATION, SDF_TRUNCATION).reshape(field.shape)


def _sampled(field: Field, places: Floats) -> Field:
    """Trilinear at canonical points [M, 3]; beyond the cube as at its side."""
    size = len(field)
    indices = ((places + 1) * (size / 2) - 0.5).T
    made: Field = ndimage.map_coordinates(field, indices, order=1, mode="nearest")
    return made


def _points(size: int) -> NDArray[np.float32]:
    centres = frame.voxel_centres(size).astype(np.float32)
    return frame.grid_points(centres)


def untruncated(field: Field) -> Field:
    """Signed distances of the voxels' own signs."""
    inside = field < 0
    outwards = ndimage.distance_transform_edt(~inside) - ndimage.distance_transform_edt(inside)
    return np.asarray(outwards * (2 / len(field)), dtype=np.float32)
