"""Integers along principal components, and a pose: the bottleneck of `linear` and `layered`."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr
from torch import Tensor
from torch.nn import functional

from hexplane.model import alignment, coding
from hexplane.model.bottlenecks.base import Bottleneck
from hexplane.model.mixture import Mixture

NARROWEST, OCTAVE, REACH = 0.15, 4, 4.5
"""Steps; tables from one deviation to its double; how many deviations a table reaches."""
MOST_TABLES = 80
HEAVY = 0.1
"""Share of a Laplace distribution in a table: unseen heads have longer tails than a Gaussian."""
COARSEST = 8
"""Coefficients are kept to multiples of 2^0 to 2^8 steps."""
POSED = 0x80


class Coefficients(Bottleneck):
    """Whole steps along each component, and those of a pose (`alignment`).

    Integers that are all multiples of 2^j are coded by the tables of 2^j times narrower ones. A
    pose is 24 bytes, or none.

    Attributes:
        deviation: [K], standard deviation over the heads that were fitted, in steps.
        table: int16 [K], which table codes each.
        slots: int32 [T, A + 1], cumulative; the deviations are in ratios of 2^(1 / OCTAVE).
        prior: what new coefficients are drawn from, over their deviations.
    """

    deviation: Tensor
    table: Tensor
    slots: Tensor
    statistics_per_channel = 1

    def __init__(self, components: int) -> None:
        super().__init__()
        self.register_buffer("deviation", torch.zeros(components))
        self.register_buffer("table", torch.zeros(components, dtype=torch.int16))
        self.register_buffer("slots", torch.zeros(1, 3, dtype=torch.int32))
        self.prior = Mixture(components)

    def tabulate(self, deviation: NDArray[np.floating]) -> None:
        """Tables for integers of these standard deviations [K]."""
        octaves = np.log2(np.maximum(deviation, NARROWEST) / NARROWEST)
        table = np.minimum(np.round(octaves * OCTAVE), MOST_TABLES - 1).astype(np.int16)
        widths = NARROWEST * 2 ** (np.arange(table.max() + 1) / OCTAVE)
        reach = int(np.ceil(REACH * widths[-1]))
        weights = np.stack([_probability(np.arange(-reach, reach + 1), w) for w in widths])
        escape = np.full((len(widths), 1), 1e-5)
        slots = coding.cumulative(np.concatenate([weights, escape], axis=1))
        self.deviation = torch.from_numpy(deviation.astype(np.float32))
        self.table = torch.from_numpy(table)
        self.slots = torch.from_numpy(slots.astype(np.int32))

    def encode(self, statistics: Tensor) -> Tensor:
        """The nearest integers."""
        return statistics.round()

    def decode(self, latent: Tensor) -> Tensor:
        """The latent itself: whoever reads it knows the step."""
        return latent

    def rate(self, statistics: Tensor) -> Tensor:
        """Zeros: nothing is trained."""
        return torch.zeros_like(statistics)

    @property
    def prior_words(self) -> str:
        """A Gaussian, or a mixture."""
        parts = self.prior.parts
        return "a Gaussian" if parts == 1 else f"a mixture of {parts} Gaussians"

    def draw(
        self, shape: torch.Size, generator: torch.Generator, temperature: float = 1.0
    ) -> Tensor:
        """Latents [H, K + 12] of coefficients by the prior, in the mean head's pose."""
        count = len(self.deviation)
        drawn = self.prior.draw(shape[0], count, generator) * self.deviation
        return functional.pad((temperature * drawn).round(), (0, shape[1] - count))

    def pack(self, latent: Tensor) -> bytes:
        """j, a byte, with `POSED` where a pose follows; the integers over 2^j, entropy coded."""
        whole = latent.cpu().numpy().astype(np.int64)
        integers, pose = whole[: len(self.table)], whole[len(self.table) :]
        shared = int(np.bitwise_or.reduce(np.abs(integers), initial=1 << COARSEST))
        octave = (shared & -shared).bit_length() - 1
        tables = self.cumulative()
        symbols = (integers >> octave) + _middle(tables)
        coded = coding.encode_symbols(symbols, self.rows(octave), tables)
        if not pose.any():
            return bytes([octave]) + coded
        return bytes([octave | POSED]) + pose.astype("<i2").tobytes() + coded

    def unpack(self, packed: bytes, shape: tuple[int, ...]) -> Tensor:
        """The integers, bit for bit.

        Raises:
            ValueError: other bytes.
        """
        octave = packed[0] & ~POSED if packed else COARSEST + 1
        coded = 1 + (2 * alignment.NUMBERS if packed and packed[0] & POSED else 0)
        if octave > COARSEST or len(packed) < coded:
            raise ValueError("no such step")
        pose = np.frombuffer(packed[1:coded] or bytes(2 * alignment.NUMBERS), dtype="<i2")
        tables = self.cumulative()
        symbols = coding.decode_symbols(packed[coded:], self.rows(octave), tables)
        integers = (symbols - _middle(tables)) << octave
        whole = np.concatenate([integers, pose]).astype(np.float32)
        return torch.from_numpy(whole).reshape(shape)

    def rows(self, octave: int) -> NDArray[np.int64]:
        """Which table [K] codes each integer over 2^octave."""
        table: NDArray[np.int64] = self.table.numpy().astype(np.int64)
        return np.maximum(table - OCTAVE * octave, 0)

    def bits(self) -> NDArray[np.float64]:
        """What each table [T] takes for each integer [A - 1], the middle one 0."""
        return -np.log2(coding.probabilities(self.cumulative())[:, :-1])

    def cumulative(self) -> NDArray[np.uint32]:
        """The tables [T, A + 1]."""
        return self.slots.numpy().astype(np.uint32)


def _middle(tables: NDArray[np.uint32]) -> int:
    """Symbol of the integer 0; the last symbol is the escape."""
    return (tables.shape[1] - 2) // 2


def _probability(integers: NDArray[np.integer], deviation: float) -> NDArray[np.float64]:
    """Of rounded values of that standard deviation: a Gaussian with Laplace tails."""
    gaussian = ndtr((integers + 0.5) / deviation) - ndtr((integers - 0.5) / deviation)
    decay = np.exp(-1 / (0.8 * deviation))
    laplace = (1 - decay) / (1 + decay) * decay ** np.abs(integers)
    return np.asarray((1 - HEAVY) * gaussian + HEAVY * laplace)
