"""What a network sees of a hexplane, as arrays."""

import numpy as np
from numpy.typing import NDArray

from hexplane.geometry.hexplane import Hexplane
from hexplane.geometry.modality import Features

BAYER_ORDER = 3
"""Thresholds repeat every 2^order pixels and take 4^order values."""


def network_input(hexplane: Hexplane, features: Features) -> NDArray[np.float32]:
    """Views float32 [6, C, R, R]: [occupancy], [depth, nx, ny, nz], [dithered] or [nx, ny, nz]."""
    match features:
        case "occupancy":
            return hexplane.occupancy[:, None].astype(np.float32)
        case "depth_normal":
            return np.concatenate([hexplane.depth[:, None], hexplane.normal], axis=1)
        case "dithered":
            return dither(hexplane.depth)[:, None].astype(np.float32)
        case "normal":
            return hexplane.normal


def dither(images: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Images [..., H, W] in [0, 1] as one bit a pixel, by ordered dithering.

    A constant image keeps its mean to 1 / 4^order. Bayer, An optimum method for two-level
    rendition of continuous-tone pictures, ICC 1973.
    """
    thresholds = (bayer(BAYER_ORDER) + 0.5) / 4**BAYER_ORDER
    height, width = images.shape[-2:]
    period = len(thresholds)
    repeats = -(-height // period), -(-width // period)
    return np.asarray(images > np.tile(thresholds, repeats)[:height, :width])


def bayer(order: int) -> NDArray[np.int64]:
    """Bayer's matrix: the ranks 0 to 4^order - 1 as a square of side 2^order."""
    matrix = np.zeros((1, 1), dtype=np.int64)
    for _ in range(order):
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    return matrix
