"""A signed distance field from six views.

The views hold exact points of the surface and its normals there. Fusion says what is inside, and
continues the surface where no view sees it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.linalg import cg
from scipy.spatial import cKDTree

from hexplane.geometry import frame, fusion
from hexplane.geometry.hexplane import Hexplane
from hexplane.geometry.isosurface import marching_cubes

FUSION = 128
"""Voxels along a side of the fusion that says what is inside."""
UNSEEN = 0.02
"""A point of the fused surface is unseen when no view's point is nearer (canonical units)."""
NEAR = 0.055
"""Up to this distance the field comes of several tangent planes; beyond, of the nearest point."""
NEIGHBOURS = 16
WIDTH = 0.0156
"""How much further than the nearest point others may lie to count: a pixel's side at R = 128."""
GUARD = 0.02
"""Where fusion is this sure of a side, it decides which it is."""
STIFFNESS = 0.15
"""Weight of staying where the tangent planes put the field, against going through the points."""


class OrientedPoints(NamedTuple):
    """Points of a surface [P, 3], canonical units, and its unit outward normals there [P, 3]."""

    position: NDArray[np.float64]
    normal: NDArray[np.float64]


def seen_points(hexplane: Hexplane) -> OrientedPoints:
    """A point of the surface for each pixel that the mesh covers."""
    right, up = frame.pixel_centres(hexplane.resolution)
    positions, normals = [], []
    for view in range(6):
        covered = hexplane.occupancy[view]
        row, column = np.nonzero(covered)
        toward = 1 - 2 * hexplane.depth[view][covered].astype(np.float64)
        positions.append(
            right[column, None] * frame.RIGHT[view]
            + up[row, None] * frame.UP[view]
            + toward[:, None] * frame.TOWARD[view]
        )
        normals.append(hexplane.normal[view][:, covered].T.astype(np.float64))
    return OrientedPoints(np.concatenate(positions), np.concatenate(normals))


def signed_distance_of(
    hexplane: Hexplane, resolution: int, truncation: float
) -> NDArray[np.float32]:
    """Truncated signed distance [N, N, N] of the solid that six views show, negative inside.

    Near the surface a weighted mean of distances to tangent planes (implicit moving least squares:
    Shen, O'Brien and Shewchuk, SIGGRAPH 2004), then a least-squares correction after which the
    trilinear field, of which marching cubes takes the surface, goes through the points. A field
    sampled from the mesh itself cuts its corners instead.

    Args:
        hexplane: six views with depth and normals.
        resolution: N, voxels along a side; divides `FUSION`.
        truncation: greatest distance, canonical units.

    Returns:
        float32, indexed x, y, z; all `truncation` where the views hold no solid.
    """
    fused = fusion.carve(
        hexplane.occupancy.astype(np.float32), hexplane.depth, hexplane.normal, FUSION
    )
    if not (fused > 0.5).any():
        return np.full((resolution,) * 3, truncation, dtype=np.float32)
    rough = distance_of_occupancy(fused, resolution)
    points = _with_unseen(seen_points(hexplane), fused)
    field = _tangent_planes(points, rough, truncation)
    return _through(points, field).clip(-truncation, truncation).astype(np.float32)


def distance_of_silhouettes(
    hexplane: Hexplane, resolution: int, truncation: float
) -> NDArray[np.float32]:
    """Truncated signed distance [N, N, N] of the visual hull, as `signed_distance_of`."""
    hull = fusion.visual_hull(hexplane.occupancy.astype(np.float32), FUSION)
    found = distance_of_occupancy(hull, resolution)
    return found.clip(-truncation, truncation).astype(np.float32)


def distance_of_occupancy(fused: NDArray[np.float32], resolution: int) -> NDArray[np.float64]:
    """Signed distance [N, N, N], canonical units, of a fused field [M, M, M]; N divides M.

    Within the field's own truncation it is the field's; beyond, that of whole voxels.
    """
    block = len(fused) // resolution
    blocks = fused.reshape(resolution, block, resolution, block, resolution, block)
    occupancy = blocks.mean(axis=(1, 3, 5), dtype=np.float64)
    inside = occupancy > 0.5
    voxels = np.where(
        inside,
        0.5 - ndimage.distance_transform_edt(inside),
        ndimage.distance_transform_edt(~inside) - 0.5,
    )
    fine = (0.5 - occupancy) * (2 * fusion.TRUNCATION) * (2 / len(fused))
    settled = (occupancy > 0.02) & (occupancy < 0.98)
    return np.where(settled, fine, voxels * (2 / resolution))


def _with_unseen(points: OrientedPoints, fused: NDArray[np.float32]) -> OrientedPoints:
    """The points, and those of the fused surface that no view sees."""
    surface = marching_cubes(fused, 0.5, 0.0)
    nearest, _ = cKDTree(points.position).query(
        surface.vertices, distance_upper_bound=UNSEEN, eps=0.5
    )
    unseen = ~np.isfinite(nearest)
    return OrientedPoints(
        np.concatenate([points.position, surface.vertices[unseen]]),
        np.concatenate([points.normal, surface.vertex_normals[unseen]]),
    )


def _tangent_planes(
    points: OrientedPoints, rough: NDArray[np.float64], truncation: float
) -> NDArray[np.float64]:
    axis = frame.voxel_centres(len(rough))
    field = rough.copy()
    tree = cKDTree(points.position)

    near = np.abs(rough) < NEAR
    centres = axis[np.argwhere(near)]
    distance, index = tree.query(centres, k=min(NEIGHBOURS, len(points.position)))
    normals = points.normal[index]
    planes = np.einsum("mkc,mkc->mk", centres[:, None] - points.position[index], normals)
    # Of thin parts the other side does not count.
    same_side = np.einsum("mkc,mc->mk", normals, normals[:, 0]).clip(0)
    weight = np.exp(-2 * (distance / (distance[:, :1] + WIDTH)) ** 2) * same_side
    value = (weight * planes).sum(axis=1) / weight.sum(axis=1)
    side = rough[near]
    wrong = (np.sign(value) != np.sign(side)) & (np.abs(side) > GUARD)
    value[wrong] = np.sign(side[wrong]) * np.minimum(np.abs(side), distance[:, 0])[wrong]
    field[near] = value

    far = ~near & (np.abs(rough) < truncation + WIDTH)
    distance, _ = tree.query(axis[np.argwhere(far)], eps=0.02)
    field[far] = np.sign(rough[far]) * distance
    return field


def _through(points: OrientedPoints, field: NDArray[np.float64]) -> NDArray[np.float64]:
    """The field, moved as little as brings it to 0 at the points, in least squares."""
    interpolation = trilinear(points.position, len(field))
    used = np.unique(interpolation.indices)
    matrix = interpolation[:, used]
    normal_equations = matrix.T @ matrix + STIFFNESS * sparse.eye_array(len(used))
    moved, _ = cg(normal_equations, -matrix.T @ (interpolation @ field.ravel()), maxiter=40)
    field.ravel()[used] += moved
    return field


def trilinear(points: NDArray[np.floating], resolution: int) -> sparse.csr_array:
    """Matrix [P, N^3] that interpolates a grid of voxel centres, indexed x, y, z, at points."""
    place = (np.asarray(points, dtype=np.float64) + 1) / 2 * resolution - 0.5
    low = np.floor(place).astype(np.int64).clip(0, resolution - 2)
    share = (place - low).clip(0, 1)
    columns, weights = [], []
    for corner in np.ndindex(2, 2, 2):
        x, y, z = (low + corner).T
        columns.append((x * resolution + y) * resolution + z)
        weights.append(np.where(corner, share, 1 - share).prod(axis=1))
    rows = np.arange(0, 8 * len(points) + 1, 8)
    entries = np.stack(weights, axis=1).ravel(), np.stack(columns, axis=1).ravel(), rows
    return sparse.csr_array(entries, shape=(len(points), resolution**3))
