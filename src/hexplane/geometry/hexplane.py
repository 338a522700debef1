"""The hexplane itself: six depth and normal images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hexplane.geometry import frame


@dataclass(frozen=True)
class Hexplane:
    """Six orthographic views of a mesh in the canonical frame (`hexplane.geometry.frame`).

    Attributes:
        depth: float32 [6, R, R], distance from the near face / 2, background 1.
        normal: float32 [6, 3, R, R], object-space unit normals turned to the camera, background 0.
    """

    depth: NDArray[np.float32]
    normal: NDArray[np.float32]

    @property
    def resolution(self) -> int:
        """R, pixels along an image's side."""
        return int(self.depth.shape[-1])

    @property
    def occupancy(self) -> NDArray[np.bool_]:
        """Silhouettes, bool [6, R, R]."""
        return frame.occupancy(self.depth)


def hexplane_of(
    coverage: NDArray[np.floating],
    depth: NDArray[np.floating],
    normal: NDArray[np.floating] | None,
) -> Hexplane:
    """Decoded images as a hexplane: background where coverage is below 0.5 or depth no number.

    Args:
        coverage: [6, R, R] in [0, 1].
        depth: [6, R, R], distance from the near face / 2.
        normal: [6, 3, R, R]; None: perpendicular to the surface that depth shows.
    """
    covered = (np.asarray(coverage) >= 0.5) & np.isfinite(depth)
    last = np.nextafter(np.float32(frame.BACKGROUND_DEPTH), np.float32(0))
    inside = np.where(covered, np.clip(depth, 0, last), frame.BACKGROUND_DEPTH)
    if normal is None:
        down, right = np.gradient(inside * inside.shape[-1], axis=(1, 2))
        own = np.stack([right, -down, np.ones_like(right)], axis=1)  # right, up, toward
        axes = np.stack([frame.RIGHT, frame.UP, frame.TOWARD], axis=1)  # [6, 3, 3]
        normal = np.einsum("vkhw,vkc->vchw", own, axes)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    unit = np.where(covered[:, None], normal / np.maximum(length, 1e-12), 0)
    return Hexplane(inside.astype(np.float32), np.nan_to_num(unit).astype(np.float32))
