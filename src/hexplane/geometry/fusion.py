"""Occupancy fields fused from six views: a voxel is inside when it lies behind the depth in all."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hexplane.geometry import frame

Field = NDArray[np.float32]

TRUNCATION = 2.0
"""Distance from the surface, in voxels, at which the field reaches 0 or 1."""
MIN_COSINE = 0.2
"""Grazing normals are trusted no further than this when ray distances become surface distances."""
AGREEMENT = 1.0
"""Views whose signed distances differ by less, in units of the field, see the same surface."""


NOTHING = 0.01
"""Coverage up to which a pixel is background: networks decode no exact 0."""
EXTENDED_TRUST = 1e-6
"""Weight of a view where its surface is only continued past its silhouette."""


def visual_hull(coverage: NDArray[np.floating], resolution: int) -> Field:
    """Field of the hull that six silhouettes bound.

    Args:
        coverage: [6, R, R] in [0, 1], 1 where the mesh covers the pixel.
        resolution: N, voxels along a side of the canonical cube.

    Returns:
        [N, N, N] indexed x, y, z, in [0, 1]; the surface is at 0.5.
    """
    planes = _resample(np.asarray(coverage, dtype=np.float32), resolution)
    field = np.ones((resolution,) * 3, dtype=np.float32)
    for view in range(6):
        np.minimum(field, _to_grid(planes[view][..., None], view), out=field)
    return field


def carve(
    coverage: NDArray[np.floating],
    depth: NDArray[np.floating],
    normal: NDArray[np.floating] | None,
    resolution: int,
) -> Field:
    """Field of the solid that lies behind the depth in all six views.

    Along a ray, signed distance is depth difference times the cosine between normal and ray. The
    least one decides, averaged with those that agree with it, weighted by squared cosine: a bare
    minimum of noisy views lies below each of them, so that what three views see would shrink. A
    view that looks at another surface is further behind than `AGREEMENT` and has no say.

    Args:
        coverage: [6, R, R] in [0, 1]; depth and normal count where it is at least 0.5.
        depth: [6, R, R], distance from the near face / 2.
        normal: [6, 3, R, R]; None: as steep as the depth's own differences.
        resolution: N, voxels along a side of the canonical cube.

    Returns:
        [N, N, N] indexed x, y, z, in [0, 1]; the surface is at 0.5. Far outside, where it would be
        `NOTHING` at most, it is 0.
    """
    if normal is None:
        cosine = _cosine(depth).clip(MIN_COSINE, 1)
    else:
        cosine = np.einsum("vchw,vc->vhw", normal, frame.TOWARD).clip(MIN_COSINE, 1)
    inner = np.asarray(coverage, dtype=np.float32)
    # A pixel beyond the silhouette nothing is left; in the pixel between, depth of other views
    # tells better where the surface is than a mask that knows whole pixels.
    outer = _resample((inner + ndimage.maximum_filter(inner, (1, 3, 3))) / 2, resolution)
    field = np.zeros((resolution,) * 3, dtype=np.float32)
    box = _box(outer)
    if box is None:
        return field
    inner = _resample(inner, resolution)
    along = (np.arange(resolution, dtype=np.float32) + 0.5) / resolution  # near to far
    steepness = np.float32(resolution / (2 * TRUNCATION))
    hull = np.ones(field[box].shape, dtype=np.float32)
    views = []
    for view in range(6):
        covered = coverage[view] >= 0.5
        if not covered.any():
            return field
        # Continue the surface past its silhouette: the sentinel must not bend it.
        nearest = ndimage.distance_transform_edt(
            ~covered, return_distances=False, return_indices=True
        )
        images = np.stack([depth[view][tuple(nearest)], cosine[view][tuple(nearest)]])
        *image, ray = _seen(box, view, resolution)
        pixels = tuple(image)
        surface, slope = (own[pixels] for own in _resample(images.astype(np.float32), resolution))
        behind = (along[ray] - surface[..., None]) * (slope * steepness)[..., None]
        trust = slope**2 * inner[view][pixels] + EXTENDED_TRUST
        views.append((_to_grid(behind, view), _to_grid(trust[..., None], view)))
        np.minimum(hull, _to_grid(outer[view][pixels][..., None], view), out=hull)
    least = np.minimum.reduce([behind for behind, _ in views])
    total, weights = np.zeros_like(least), np.zeros_like(least)
    for behind, trust in views:
        weight = trust * np.clip(1 - (behind - least) / AGREEMENT, 0, None)
        total += weight * behind.clip(-1, 1)
        weights += weight
    field[box] = np.minimum(total / weights + 0.5, hull).clip(0, 1)
    return field


def _box(planes: NDArray[np.float32]) -> tuple[slice, slice, slice] | None:
    """The part of the grid, indexed x, y, z, outside which some silhouette [6, N, N] is nothing.

    It has a voxel more on each side, so that no surface at a level above `NOTHING` is moved.
    """
    size = planes.shape[-1]
    ends = [[0, size] for _ in range(3)]
    for view, plane in enumerate(planes):
        axes, descending = _axes(view)
        for axis, turned, other in ((axes[0], descending[0], 1), (axes[1], descending[1], 0)):
            used = np.flatnonzero((plane > NOTHING).any(axis=other))
            if len(used) == 0:
                return None
            low, high = max(0, int(used[0]) - 1), min(size, int(used[-1]) + 2)
            if turned:
                low, high = size - high, size - low
            ends[axis] = [max(ends[axis][0], low), min(ends[axis][1], high)]
    if any(low >= high for low, high in ends):
        return None
    x, y, z = (slice(low, high) for low, high in ends)
    return x, y, z


def _seen(box: tuple[slice, ...], view: int, size: int) -> list[slice]:
    """A part of the grid as rows, columns, and near to far of a view."""
    axes, descending = _axes(view)
    return [
        slice(size - box[axis].stop, size - box[axis].start) if turned else box[axis]
        for axis, turned in zip(axes, descending, strict=True)
    ]


def _cosine(depth: NDArray[np.floating]) -> NDArray[np.floating]:
    """Cosine [6, R, R] between the ray and the normal of the surface that depth shows."""
    # Depth is in units of the cube's side, which is R pixels wide.
    down, right = np.gradient(np.asarray(depth) * depth.shape[-1], axis=(1, 2))
    cosine: NDArray[np.floating] = 1 / np.sqrt(1 + down**2 + right**2)
    return cosine


def _resample(images: NDArray[np.float32], resolution: int) -> NDArray[np.float32]:
    """Images [V, R, R] on the N x N pixel centres, bilinear."""
    factor = resolution / images.shape[-1]
    if factor == 1:
        return images
    return ndimage.zoom(images, (1, factor, factor), order=1, mode="nearest", grid_mode=True)


def _to_grid(image: NDArray[np.float32], view: int) -> NDArray[np.float32]:
    """A view's volume [row, column, near to far] as a grid indexed x, y, z."""
    axes, descending = _axes(view)
    flipped = np.flip(image, tuple(i for i in range(3) if descending[i]))
    return flipped.transpose(np.argsort(axes))


def _axes(view: int) -> tuple[list[int], tuple[bool, bool, bool]]:
    """Axes of the grid that rows, columns and rays run along, and which run against them."""
    axes = frame.UP[view], frame.RIGHT[view], frame.TOWARD[view]
    order = [int(np.flatnonzero(axis)[0]) for axis in axes]
    # Rows run against up and depth against the camera; columns run with right.
    return order, (axes[0].sum() > 0, axes[1].sum() < 0, axes[2].sum() > 0)
