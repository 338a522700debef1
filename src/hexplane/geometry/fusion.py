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
SLAB = 4
"""Layers of the grid that are carved at once."""


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
    least: float = NOTHING,
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
        least: values up to which the field has to tell nothing.

    Returns:
        [N, N, N] indexed x, y, z, in [0, 1]; the surface is at 0.5. Where neither it nor a
        neighbour would be above `least`, it may be 0 instead.
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
    box = _box(outer, least)
    covered = np.asarray(coverage) >= 0.5
    if box is None or not covered.any(axis=(1, 2)).all():
        return field
    inner = _resample(inner, resolution)
    steepness = np.float32(resolution / (2 * TRUNCATION))
    views: list[list[Field]] = []
    for view in range(6):
        # Continue the surface past its silhouette: the sentinel must not bend it.
        nearest = ndimage.distance_transform_edt(
            ~covered[view], return_distances=False, return_indices=True
        )
        images = np.stack([depth[view][tuple(nearest)], cosine[view][tuple(nearest)]])
        surface, slope = _resample(images.astype(np.float32), resolution)
        trust = slope**2 * inner[view] + EXTENDED_TRUST
        planes: tuple[Field, ...] = (surface, slope * steepness, trust, outer[view])
        views.append([_to_grid(plane[..., None], view) for plane in planes])
    along = ((np.arange(resolution) + 0.5) / resolution).astype(np.float32)
    rays = [_to_grid(along[None, None], view) for view in range(6)]  # near to far
    # Thin slabs stay in the processor's cache.
    for start in range(box[0].start, box[0].stop, SLAB):
        slab = (slice(start, min(start + SLAB, box[0].stop)), *box[1:])
        own = [[_part(plane, slab) for plane in view] for view in views]
        field[slab] = _carved([_part(ray, slab) for ray in rays], own)
    return field


def _carved(rays: list[Field], views: list[list[Field]]) -> Field:
    """A part of the carved field.

    Args:
        rays: of each view the place along its rays, near to far.
        views: of each view its surface's place, units of the field along its rays, trust in it,
            and the silhouette; all as arrays that broadcast on the grid.
    """
    behind = [(ray - view[0]) * view[1] for ray, view in zip(rays, views, strict=True)]
    least = np.minimum.reduce(behind)
    total, weights, hull = np.zeros_like(least), np.zeros_like(least), np.ones_like(least)
    for own, (_, _, trust, silhouette) in zip(behind, views, strict=True):
        weight = own - least
        weight /= AGREEMENT
        np.subtract(1, weight, out=weight)
        np.maximum(weight, 0, out=weight)
        weight *= trust
        weights += weight
        weight *= np.clip(own, -1, 1, out=own)
        total += weight
        np.minimum(hull, silhouette, out=hull)
    total /= weights
    total += 0.5
    return np.minimum(total, hull, out=total).clip(0, 1)


def _box(planes: NDArray[np.float32], least: float) -> tuple[slice, slice, slice] | None:
    """The part of the grid outside which one of the silhouettes [6, N, N] is `least` at most.

    It has a voxel more on each side, so that no surface at a level above that is moved.
    """
    size = planes.shape[-1]
    ends = [[0, size] for _ in range(3)]
    for view, plane in enumerate(planes):
        axes, descending = _axes(view)
        for axis, turned, other in ((axes[0], descending[0], 1), (axes[1], descending[1], 0)):
            used = np.flatnonzero((plane > least).any(axis=other))
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


def _part(plane: Field, part: tuple[slice, ...]) -> Field:
    """A part of the grid of what is the same along some of its axes."""
    return plane[
        tuple(own if n > 1 else slice(None) for own, n in zip(part, plane.shape, strict=True))
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


def _to_grid(image: Field, view: int) -> Field:
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
