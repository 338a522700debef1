"""Which integers a head's coefficients become: least squared error plus the price of their bits.

Rate-distortion optimised quantisation, as Sullivan and Wiegand, Rate-distortion optimization for
video compression, 1998.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hexplane.model import alignment
from hexplane.model.coefficients import COARSEST, Coefficients
from hexplane.model.latent_file import LAYER_BYTES

PRICES = (0.02, 0.08, 0.3)
"""What a bit may cost, in squared errors of a whole (coarse) step along a typical component: near
6 dB a bit."""
TRIES = [(octave, price) for octave in range(COARSEST + 1) for price in PRICES] + [
    (COARSEST, price) for price in (1.0, 4.0, 16.0)
]
"""Octaves of the step and prices, those that err least first."""
SWEEPS = 4


class Solved(NamedTuple):
    """The coefficients that a field asks for."""

    target: NDArray[np.float64]  # [K], in steps
    matrix: NDArray[np.float64]  # [K, K], of the squared error, in steps
    pose: alignment.Pose  # [12]


class Found(NamedTuple):
    """Integers that fit a size, and what they were chosen by."""

    latent: Tensor  # [K + 12]
    solved: Solved
    octave: int
    price: float


def finest_within(solved: Solved, known: Coefficients, most: int) -> Found | None:
    """The integers of the least error whose layer takes at most so many bytes, if any do."""
    for octave, price in TRIES:
        latent = choose(solved, known, octave, price)
        if len(known.pack(latent)) + LAYER_BYTES <= most:
            return Found(latent, solved, octave, price)
    return None


def choose(solved: Solved, known: Coefficients, octave: int, price: float) -> Tensor:
    """Multiples of 2^octave of the least error plus price times bits, and the pose [K + 12].

    Coordinate descent: each integer in turn, the error of the others known.
    """
    unit = 1 << octave
    target, matrix = solved.target / unit, solved.matrix * unit**2
    live = np.flatnonzero(known.deviation.numpy() > 0)
    curvature = np.diag(matrix)
    bits = price * float(np.median(curvature[live])) * known.bits()
    rows, middle = known.rows(octave), bits.shape[1] // 2
    integers = target.round().clip(-middle, middle)
    integers[known.deviation.numpy() <= 0] = 0
    slope = matrix @ (integers - target)
    for _ in range(SWEEPS):
        moved = False
        for k in live.tolist():
            now = integers[k]
            lowest = np.floor(now - slope[k] / curvature[k])
            best, least = now, 0.0
            for other in (lowest, lowest + 1, 0.0):
                change = other - now
                if not change or abs(other) > middle:
                    continue
                worse = change * (2 * slope[k] + change * curvature[k])
                worse += bits[rows[k], middle + int(other)] - bits[rows[k], middle + int(now)]
                if worse < least:
                    best, least = other, worse
            if best != now:
                slope += matrix[:, k] * (best - now)
                integers[k] = best
                moved = True
        if not moved:
            break
    return torch.from_numpy(np.concatenate([integers * unit, solved.pose]).astype(np.float32))
