"""Distances to meshes: libigl's, in canonical units.

Points are asked about in the order of a space-filling curve: a tree's branches are then in the
processor's cache, which takes half the time and changes no bit.
"""

import math

import igl
import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hexplane.geometry import frame

CURVE_STEPS = 1023
"""Steps of the curve along an axis: ten bits, of which three make a code of thirty."""
CURVE_SHIFTS = (0.0, 0.31, 0.67)
"""Shares of the points' extent by which curves are moved: neighbours in space that one curve takes
apart are beside each other on another."""
OVERLAP = 0.99
"""Balls around two points count as overlapping from this share of their radii on; at 1, rounding
could join two that touch across a surface."""

BLOCK = 4
"""Voxels along a side of the blocks that are asked about once, where no surface comes near."""

Points = NDArray[np.float64]


def _arrays(mesh: trimesh.Trimesh) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    return np.array(mesh.vertices, dtype=np.float64), np.array(mesh.faces, dtype=np.int64)


def signed_distance(points: NDArray[np.floating], mesh: trimesh.Trimesh) -> NDArray[np.float32]:
    """Distance float32 [N] from points [N, 3] to a mesh, negative inside.

    The sign is that of the fast winding number (Barill et al., Fast winding numbers for soups and
    clouds, SIGGRAPH 2018), so that open and multi-body scans have an inside too.
    """
    # Not igl.signed_distance: it multiplies by 1 - 2 w, also where w is between 0 and 1 or above.
    distance, _ = surface_distance(points, mesh)
    if _is_closed(np.asarray(mesh.faces)):
        group, asked = _groups(np.asarray(points, dtype=np.float64), distance)
        within = inside(points[asked], mesh)[group]
    else:
        within = inside(points, mesh)
    return np.where(within, -distance, distance).astype(np.float32)


def signed_distance_grid(mesh: trimesh.Trimesh, resolution: int) -> NDArray[np.float32]:
    """Signed distance [N, N, N] to a mesh at the voxel centres of the canonical cube.

    Exact at the corners of every cell that a surface passes, so that marching cubes finds what it
    would find in exact distances. A block of voxels without such a corner has the distance of its
    middle, which is up to 2.6 voxels off. Of a mesh that is not closed all are exact.
    """
    axis = frame.voxel_centres(resolution)
    if not _is_closed(np.asarray(mesh.faces)):
        return signed_distance(frame.grid_points(axis), mesh).reshape((resolution,) * 3)
    voxel = 2 / resolution
    middles = -1 + (np.arange(-(-resolution // BLOCK)) + 0.5) * BLOCK * voxel
    field = signed_distance(frame.grid_points(middles), mesh).reshape((len(middles),) * 3)
    for side in range(3):
        field = field.repeat(BLOCK, side).take(range(resolution), side)
    # A diagonal of a cell, and half a diagonal of a block's voxel centres.
    near = np.abs(field) <= math.sqrt(3) * (1 + (BLOCK - 1) / 2) * voxel * 1.001
    field[near] = signed_distance(axis[np.argwhere(near)], mesh)
    return field


def surface_distance(
    points: NDArray[np.floating], mesh: trimesh.Trimesh
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distance [N] from points [N, 3] to the nearest face, and that face's index [N]."""
    queries = np.asarray(points, dtype=np.float64)
    order = _along_curve(queries)
    squared, face, _ = igl.point_mesh_squared_distance(queries[order], *_arrays(mesh))
    back = _inverse(order)
    return np.sqrt(np.maximum(squared[back], 0)), face[back]


def inside(points: NDArray[np.floating], mesh: trimesh.Trimesh) -> NDArray[np.bool_]:
    """Whether each point [N, 3] lies inside: generalised winding number above 1/2."""
    queries = np.asarray(points, dtype=np.float64)
    order = _along_curve(queries)
    winding = np.asarray(igl.fast_winding_number(*_arrays(mesh), queries[order]))
    return np.asarray(winding[_inverse(order)] > 0.5)


def _is_closed(faces: NDArray[np.integer]) -> bool:
    """Whether each edge is run along as often one way as the other.

    Then the winding number is a whole number, and the same wherever no face lies between.
    """
    ends = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).astype(np.int64)
    count = int(faces.max()) + 1
    there, back = (np.sort(ends[:, a] * count + ends[:, 1 - a]) for a in (0, 1))
    return bool((there == back).all())


def _groups(points: Points, distance: Points) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Group [N] of points that no surface separates, and a point of each group that speaks for it.

    No surface reaches into a ball around a point whose radius is its distance: where the balls of
    two points overlap, no surface separates them. Pairs are looked for along several curves, so
    that points on one side may well fall into many groups. A group's speaker is the point farthest
    from the surface.
    """
    first, second = [], []
    for shift in CURVE_SHIFTS:
        order = _along_curve(points, shift)
        step = np.diff(points[order], axis=0)
        gap = np.sqrt(np.einsum("ij,ij->i", step, step))
        reach = OVERLAP * (distance[order[:-1]] + distance[order[1:]])
        first.append(order[:-1][gap < reach])
        second.append(order[1:][gap < reach])
    a, b = np.concatenate(first), np.concatenate(second)
    shape = (len(points), len(points))
    graph = coo_array((np.ones(len(a), dtype=bool), (a, b)), shape=shape)
    count, group = connected_components(graph, directed=False)
    speaker = np.empty(count, dtype=np.int64)
    outwards = np.argsort(distance)
    speaker[group[outwards]] = outwards  # the last one of each group stays
    return group.astype(np.int64), speaker


def _along_curve(points: Points, shift: float = 0.0) -> NDArray[np.int64]:
    """Order [N] of points [N, 3] along Morton's curve, moved by a share of their extent."""
    if len(points) == 0:
        return np.zeros(0, dtype=np.int64)
    axes = np.ascontiguousarray(points.T)
    low = axes.min(axis=1, keepdims=True)
    extent = max(float((axes.max(axis=1, keepdims=True) - low).max()), np.finfo(float).tiny)
    steps = ((axes - low) / extent + shift) * (CURVE_STEPS / (1 + shift))
    x, y, z = _spread(steps.astype(np.int32))
    return np.argsort(x | y << 1 | z << 2)


def _spread(steps: NDArray[np.int32]) -> NDArray[np.int32]:
    """Ten bits with two empty ones before each."""
    steps = (steps | steps << 16) & 0x030000FF
    steps = (steps | steps << 8) & 0x0300F00F
    steps = (steps | steps << 4) & 0x030C30C3
    return (steps | steps << 2) & 0x09249249


def _inverse(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each one went."""
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return back
