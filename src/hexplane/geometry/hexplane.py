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
