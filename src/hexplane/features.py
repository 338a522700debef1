"""What a network sees of a hexplane, as arrays."""

import numpy as np
from numpy.typing import NDArray

from hexplane.hexplane import Hexplane
from hexplane.specs.features import Features


def network_input(hexplane: Hexplane, features: Features) -> NDArray[np.float32]:
    """Views float32 [6, C, R, R]: [occupancy], or [depth, nx, ny, nz]."""
    if features == "occupancy":
        return hexplane.occupancy[:, None].astype(np.float32)
    return np.concatenate([hexplane.depth[:, None], hexplane.normal], axis=1)
