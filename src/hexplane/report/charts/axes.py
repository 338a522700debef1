"""Numbers on the axes of charts."""

import math
from collections.abc import Sequence
from typing import Any

Chart = dict[str, Any]

LOG_RANGE = 20.0
"""A logarithmic axis helps from this ratio of the largest to the smallest value."""


def log_axis(values: Sequence[float]) -> Chart:
    """A logarithmic axis over positive values, with round ticks."""
    ticks = log_ticks(min(values), max(values))
    return {"type": "log", "tickvals": ticks, "ticktext": [tick(value) for value in ticks]}


def log_ticks(low: float, high: float) -> list[float]:
    """Round values of a logarithmic axis: 1, 2, 5 a decade; whole decades over a wide range."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    digits = (1, 2, 5) if math.log10(high / low) < 2.5 else (1,)
    stride = max(1, (last - first) // 6)
    return [digit * 10.0**power for power in range(first, last + 1, stride) for digit in digits]


def tick(value: float) -> str:
    """A tick's value: plain where that is short, else as a power of ten."""
    if 1e-3 <= value < 1e5:
        return f"{value:,.10g}"
    power = math.floor(math.log10(value) + 1e-9)
    digit = round(value / 10.0**power)
    return f"10<sup>{power}</sup>" if digit == 1 else f"{digit}×10<sup>{power}</sup>"


def spread_axis(values: Sequence[float]) -> Chart:
    """Logarithmic for positive values far apart, else linear from 0."""
    if values and min(values) > 0 and max(values) > LOG_RANGE * min(values):
        return log_axis(values)
    return {"type": "linear", "rangemode": "tozero"}
