"""Into a rasteriser and out of it: six views of many meshes at once.

Nothing here imports torch: tensors bring their own methods.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hexplane.geometry import frame
from hexplane.rendering.surface import Surface

if TYPE_CHECKING:
    from torch import Tensor

VIEWS = len(frame.VIEWS)


class ClipBatch(NamedTuple):
    """M meshes in 6 M images; image 6 m + v is view v of mesh m.

    A view has vertices of its own, so that positions differ by image while triangles of all
    images lie in one list (nvdiffrast's range mode).
    """

    positions: NDArray[np.float32]  # [sum 6 V, 4]: clip x right, y up, z away from the camera, w 1
    attributes: NDArray[np.float32]  # [sum 6 V, 4]: depth, and the normal in the canonical frame
    triangles: NDArray[np.int32]  # [sum 6 F, 3]: rows of the two above
    ranges: NDArray[np.int32]  # [6 M, 2]: each image's first triangle, and how many


def clip_batch(surfaces: Sequence[Surface]) -> ClipBatch:
    """Surfaces in the canonical cube under the six orthographic cameras of `frame`."""
    positions, attributes, triangles, counts = [], [], [], []
    first = 0
    for vertices, faces, normals in surfaces:
        seen = frame.project(vertices).astype(np.float32)  # [6, V, 3]: right, up, depth
        for right_up_depth in seen:
            depth = right_up_depth[:, 2:]
            ones = np.ones_like(depth)
            # The near face of the cube is at clip z = -1, the far one at 1.
            positions.append(np.hstack([right_up_depth[:, :2], 2 * depth - 1, ones]))
            attributes.append(np.hstack([depth, normals]))
            triangles.append(faces + np.int32(first))
            counts.append(len(faces))
            first += len(vertices)
    starts = np.cumsum([0, *counts[:-1]])
    return ClipBatch(
        np.concatenate(positions),
        np.concatenate(attributes),
        np.concatenate(triangles),
        np.stack([starts, counts], axis=1).astype(np.int32),
    )


def device_bytes(surface: Surface, resolution: int) -> int:
    """Upper estimate of the device memory that six views of a surface take while they are made.

    Per pixel colour and depth, three outputs of four floats, and the decoded copies; per triangle
    indices, set-up data and bin entries; 4 MiB an image of buffers that depend on neither.
    """
    pixels, faces, vertices = resolution**2, len(surface.faces), len(surface.vertices)
    return VIEWS * (136 * pixels + 64 * faces + 32 * vertices + (4 << 20))


def within_budget(
    surfaces: Sequence[Surface], resolution: int, budget: int
) -> Iterator[Sequence[Surface]]:
    """Runs of surfaces that fit `budget` bytes of device memory, in order, at least one each."""
    start, used = 0, 0
    for index, surface in enumerate(surfaces):
        needed = device_bytes(surface, resolution)
        if index > start and used + needed > budget:
            yield surfaces[start:index]
            start, used = index, 0
        used += needed
    if start < len(surfaces):
        yield surfaces[start:]


def decode(values: Tensor, covered: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Hexplanes from what a rasteriser interpolated, in this project's conventions.

    Args:
        values: float32 [6 M, R, R, 4], depth and normal, row 0 at the bottom of the image.
        covered: bool [6 M, R, R], pixels that some triangle covers.

    Returns:
        depth [M, 6, R, R] and normal [M, 6, 3, R, R], as in `Hexplane`.
    """
    values, empty = values.flip(1), ~covered.flip(1)
    images, height, width, _ = values.shape
    depth = values[..., 0].masked_fill(empty, frame.BACKGROUND_DEPTH)
    normal = values[..., 1:].movedim(-1, 1)  # [6 M, 3, R, R]
    toward = values.new_tensor(frame.TOWARD).repeat(images // VIEWS, 1)[:, :, None, None]
    # Inward faces are turned to the camera; the background has no normal.
    # Sums, no matrix product: that may be less precise than float32 on a GPU.
    sign = 1 - 2 * ((normal * toward).sum(1) < 0).to(values.dtype)
    length = normal.square().sum(1).sqrt().clamp_min(float(np.finfo(np.float32).tiny))
    normal = (normal * (sign / length)[:, None]).masked_fill(empty[:, None], 0)
    return (
        depth.reshape(-1, VIEWS, height, width).cpu().numpy(),
        normal.reshape(-1, VIEWS, 3, height, width).cpu().numpy(),
    )
