"""A generated head's own numbers as bytes: few, as their reader is the generator itself.

No codec that sees only heads can be expected to pass them. They are the measure of how little
there is to say about a generated head.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from hexplane.geometry.heads import Parameter, parameters
from hexplane.model import coding

FINEST = 10
"""Numbers are kept to steps of 2^0 to 2^-10; 1 is MakeHuman's extreme."""
REACH = 5
"""Deviations that a table reaches."""


def pack(numbers: NDArray[np.floating], octave: int) -> bytes:
    """Numbers [P] in steps of 2^-octave, entropy coded by what they are drawn from."""
    own = parameters()
    symbols = [_symbol(*pair, octave) for pair in zip(own, numbers.tolist(), strict=True)]
    return bytes([octave]) + coding.encode_symbols(symbols, np.arange(len(own)), _tables(octave))


def unpack(data: bytes) -> NDArray[np.float64]:
    """Numbers [P] that `pack` made these bytes of, each off by half a step or less.

    Raises:
        ValueError: other bytes.
    """
    own, octave = parameters(), data[0]
    symbols = coding.decode_symbols(data[1:], np.arange(len(own)), _tables(octave))
    return np.array([_number(*pair, octave) for pair in zip(own, symbols.tolist(), strict=True)])


def _middle(octave: int) -> int:
    """Symbol of a normal number's 0, whatever its deviation."""
    widest = max(own.deviation for own in parameters())
    return math.ceil(REACH * widest * 2**octave)


def _cells(limits: tuple[float, float], octave: int) -> int:
    """Equal parts of a range that are no longer than a step."""
    return math.ceil((limits[1] - limits[0]) * 2**octave)


def _symbol(own: Parameter, number: float, octave: int) -> int:
    if own.limits is None:
        return round(number * 2**octave) + _middle(octave)
    low, high = own.limits
    cells = _cells(own.limits, octave)
    return min(int((number - low) / (high - low) * cells), cells - 1)


def _number(own: Parameter, symbol: int, octave: int) -> float:
    if own.limits is None:
        return (symbol - _middle(octave)) / 2**octave
    low, high = own.limits
    return low + (symbol + 0.5) / _cells(own.limits, octave) * (high - low)


def _tables(octave: int) -> NDArray[np.uint32]:
    """A table for each number; its last symbol is the escape."""
    middle = _middle(octave)
    weights = np.zeros((len(parameters()), max(2 * middle + 1, 2**octave) + 1))
    edges = (np.arange(2 * middle + 2) - middle - 0.5) / 2**octave
    for row, own in zip(weights, parameters(), strict=True):
        if own.limits:
            row[: _cells(own.limits, octave)] = 1
        else:
            row[: 2 * middle + 1] = np.diff(ndtr(edges / own.deviation))
    return coding.cumulative(weights)
