"""Silhouettes of six views as curves in space: where the surface turns away from each view."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from skimage.measure import find_contours

from hexplane.geometry import frame
from hexplane.geometry.hexplane import Hexplane

TURNING = 3.0
"""Steps of depth from a rim's last pixel to the rim, by the last step before it: of a round one up
to 2.4, where the rim is a pixel away."""
SLACK = 0.25
"""Pixels of depth to the rim of a surface without any step."""
STEADY = 7
"""Points of an outline whose middle depth each one takes: on a wall, single rays slip past."""

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Silhouette:
    """One outline of what a view covers, outer or of a hole.

    Attributes:
        view: its number.
        points: [P, 3], canonical; a closed polyline, whose last point is followed by the first.
    """

    view: int
    points: Points


def silhouettes(views: Hexplane) -> list[Silhouette]:
    """Every outline of six views, lifted to where it lies in space.

    An outline runs through the middles between covered pixels and background. Along a pixel's ray
    the solid spans from the depth that its view sees to that of the opposite view. Where the
    surface turns away, as on a sphere, both depths run to the rim between them: with normals at
    angles a and b to the image they have come within s cot(a / 2) and s cot(b / 2) of it, s pixels
    from the rim, if it is round; so their cotangents share out the span. A view's surface that is
    not as steep ends at an edge, as at the rim of a cylinder's cap: it goes on by no more than
    `TURNING` of its last steps, however long a wall spans the rest.
    """
    found = []
    for view in range(6):
        covered = np.pad(views.occupancy[view], 1)
        for contour in find_contours(covered.astype(float), 0.5):
            found.append(Silhouette(view, _lifted(contour[:-1] - 1, view, views)))
    return found


def _lifted(contour: Points, view: int, views: Hexplane) -> Points:
    """Canonical points [P, 3] of an outline [P, 2] in rows and columns of pixels' centres."""
    size = views.resolution
    row, column = _covered_beside(contour, views.occupancy[view])
    opposite = int(np.flatnonzero((-frame.TOWARD[view] == frame.TOWARD).all(axis=1))[0])
    other_row = row if (frame.UP[opposite] == frame.UP[view]).all() else size - 1 - row
    other_column = (
        column if (frame.RIGHT[opposite] == frame.RIGHT[view]).all() else size - 1 - column
    )
    near = views.depth[view][row, column].astype(np.float64)
    far = 1 - views.depth[opposite][other_row, other_column].astype(np.float64)
    there = views.occupancy[opposite][other_row, other_column]
    span = np.where(there, np.maximum(far - near, 0), 0) * size  # pixels
    ahead = _cotangent(views.normal[view][:, row, column].T @ frame.TOWARD[view])
    behind = _cotangent(
        views.normal[opposite][:, other_row, other_column].T @ frame.TOWARD[opposite]
    )
    longest = TURNING * _step(views.depth[view], views.occupancy[view])[row, column] + SLACK
    depth = near + np.minimum(span * ahead / (ahead + behind), longest) / size
    depth = median_filter(depth, size=min(STEADY, len(depth)), mode="wrap")
    right, up = (contour[:, 1] + 0.5) / size * 2 - 1, 1 - (contour[:, 0] + 0.5) / size * 2
    axes = np.stack([frame.RIGHT[view], frame.UP[view], frame.TOWARD[view]])
    points: Points = np.stack([right, up, 1 - 2 * depth], axis=1) @ axes
    return points


def _covered_beside(
    contour: Points, covered: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The covered one of the two pixels that each point of an outline lies between."""
    low, high = np.floor(contour).astype(np.int64), np.ceil(contour).astype(np.int64)
    within = ((low >= 0) & (low < len(covered))).all(axis=1)
    inside = within & covered[tuple(low.clip(0, len(covered) - 1).T)]
    row, column = np.where(inside[:, None], low, high).T
    return row, column


def _step(depth: NDArray[np.float32], covered: NDArray[np.bool_]) -> Points:
    """The greatest step [R, R], in pixels of depth, from a pixel to a covered neighbour."""
    known = np.pad(np.where(covered, depth.astype(np.float64), np.nan), 1, constant_values=np.nan)
    inner = known[1:-1, 1:-1]
    around = (known[:-2, 1:-1], known[2:, 1:-1], known[1:-1, :-2], known[1:-1, 2:])
    steps = np.stack([np.nan_to_num(np.abs(own - inner)) for own in around])
    return np.asarray(steps.max(axis=0) * len(depth))


def _cotangent(cosine: NDArray[np.floating]) -> Points:
    """Of half the angle between a surface's normal and the image; from 1, where it faces it, on."""
    sine = np.clip(cosine, 1e-6, 1).astype(np.float64)
    return np.asarray((1 + np.sqrt(1 - sine**2)) / sine)
