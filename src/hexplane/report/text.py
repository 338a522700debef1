"""Numbers and lists as a reader takes them."""

import math
from collections.abc import Sequence

from hexplane.metrics.table import LATENT_METRICS, METRICS

_DIGITS = {metric.name: metric.digits for metric in (*METRICS, *LATENT_METRICS)}


def number(value: float | None, metric: str = "") -> str:
    """A metric's value as shown, with the digits that the table of metrics says; else three."""
    if value is None:
        return "∞"
    digits = _DIGITS.get(metric, 3)
    return size(value) if digits is None else f"{value:.{digits}f}"


def size(count: float) -> str:
    """Bytes in the unit that keeps them readable."""
    for unit, factor in (("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count:.0f} B"


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def figure(value: float | None, digits: int = 3) -> str:
    """Any measure, to so many digits; `?` where there is no value."""
    if value is None:
        return "?"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"


def percent(share: float) -> str:
    """A share in percent; 0 and 100 only where it is just that."""
    shown = f"{100 * share:.0f}"
    if shown in ("0", "100") and share not in (0, 1):
        shown = f"{100 * share:.1f}"
    return f"{shown} %"


def plural(count: int, noun: str, several: str = "") -> str:
    """A count and its noun."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {several or noun + 's'}"


def spoken(words: Sequence[str], last: str) -> str:
    """A list as one says it: a, b and c."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
