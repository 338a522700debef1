"""The latent of finite scalar quantisation: every value is one of L levels.

Mentzer et al., Finite scalar quantization: VQ-VAE made simple, ICLR 2024 (arXiv 2309.15505). The
bound is that of Lin et al., iFSQ: improving FSQ for image generation with 1 line of code (arXiv
2601.17124): sigmoid(1.6 x) is nearly the normal distribution function, so that values of unit
variance fill the levels evenly, where tanh leaves the outer ones to the most or to none.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from hexplane.model.autoregressive import MaskedPrior
from hexplane.model.bottlenecks.base import Bottleneck
from hexplane.model.bottlenecks.fsq_settings import FsqSettings
from hexplane.model.tables import SymbolTables, code_diagnostics, shares

SLOPE = 1.6
"""Of the sigmoid: the paper's choice, by how even the levels are filled."""


class FiniteScalar(Bottleneck):
    """A latent value is the middle of one of L equal parts of [-1, 1]; its symbol is 0 to L - 1.

    (In the two papers the outer parts are half as wide as the others, and so half as full.)

    Args:
        settings: the levels.
        shape: of one head's latent; its first two axes are views and channels.
    """

    statistics_per_channel = 1
    logged = ("active_units", "symbols_used")

    def __init__(self, settings: FsqSettings, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.levels = settings.levels
        self.groups = math.prod(shape[:2])
        self.tables = SymbolTables(math.prod(shape), settings.levels)
        learned = settings.prior == "autoregressive"
        self.prior = MaskedPrior(shape, settings.levels + 1) if learned else None

    def encode(self, statistics: Tensor) -> Tensor:
        """The nearest level's value, with the gradient of the bound alone."""
        place = torch.sigmoid(SLOPE * statistics.nan_to_num()) * self.levels - 0.5
        level = place.round().clamp(0, self.levels - 1) + (place - place.detach())
        return self._value(level)

    def decode(self, latent: Tensor) -> Tensor:
        """The latent itself."""
        return latent

    def rate(self, statistics: Tensor) -> Tensor:
        """Nats by the tables, which are even until the training has ended."""
        if self.training:  # where a batch may show a part of the places
            return torch.full_like(statistics, math.log(self.levels))
        symbols = self._symbols(self.encode(statistics.detach()))
        return self.tables.nats(symbols.flatten(1)).reshape(statistics.shape)

    @torch.no_grad()
    def fit(self, statistics: Iterable[Tensor]) -> None:
        """The tables, and the prior if it is learned, from training heads."""
        symbols = torch.cat([self._symbols(self.encode(head)).flatten(1) for head in statistics])
        shared = shares(symbols, self.levels, self.groups)
        weight = self.tables.fit(symbols, shared)
        if self.prior is not None:
            self.prior.fit(symbols, shared, weight, self.tables)

    @torch.no_grad()
    def diagnostics(self, statistics: Iterable[Tensor], draws: int) -> dict[str, Any]:
        """Nats, bits as packed, levels in use (their perplexity), active units.

        With a learned prior also the bits that a coder by it would need.
        """
        latents = torch.cat([self.encode(head) for head in statistics])
        symbols = self._symbols(latents).flatten(1)
        packed = [self.pack(latent) for latent in latents]
        found = code_diagnostics(latents.flatten(1), symbols, self.tables.nats(symbols), packed)
        if self.prior is not None:
            found["bits_autoregressive"] = self.prior.bits(symbols, self.tables)
        return found

    @property
    def prior_words(self) -> str:
        """The tables, or the learned prior."""
        return "tables" if self.prior is None else "an autoregressive prior"

    def draw(
        self, shape: torch.Size, generator: torch.Generator, temperature: float = 1.0
    ) -> Tensor:
        """Latents [H, 6, c, h, w], each value by its table or by the learned prior."""
        if self.prior is not None:
            symbols = self.prior.draw(shape[0], generator, self.tables, temperature)
        else:
            symbols = self.tables.draw(shape[0], generator, temperature=temperature)
        return self._value(symbols.float()).reshape(shape)

    def pack(self, latent: Tensor) -> bytes:
        """The symbols nearest to a latent, coded by the tables."""
        return self.tables.encode(self._symbols(latent.detach()).flatten())

    def unpack(self, packed: bytes, shape: tuple[int, ...]) -> Tensor:
        """The latent of `shape` that `pack` made these bytes of, bit for bit."""
        return self._value(self.tables.decode(packed).float()).reshape(shape)

    def _value(self, level: Tensor) -> Tensor:
        return (2 * level + 1) / self.levels - 1

    def _symbols(self, latent: Tensor) -> Tensor:
        """Nearest symbols int64, in the shape of a latent."""
        level = ((latent.nan_to_num() + 1) * self.levels - 1) / 2
        return level.round().clamp(0, self.levels - 1).long()


build = FiniteScalar
