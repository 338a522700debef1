"""The one colour scale of errors: pale where there is none, dark where it is largest."""

import numpy as np
from numpy.typing import NDArray

STOPS = ("#ece7dc", "#f0c26a", "#e08a1e", "#c04a12", "#7a1f3d", "#2d0f45")
"""Evenly spaced; lightness falls all along, so that the scale reads with any colour vision."""


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of a colour `#rrggbb`, 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def colours(shares: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Colours [..., 3] of shares [...] of the scale's upper end; larger ones take its last."""
    stops = np.array([rgb(stop) for stop in STOPS], dtype=np.float64)
    at = np.linspace(0, 1, len(stops))
    channels = [np.interp(shares, at, stops[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)
