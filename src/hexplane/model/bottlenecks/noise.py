"""The latent of a learned transform coder: noise in training, integers afterwards.

Balle, Minnen, Singh, Hwang and Johnston, Variational image compression with a scale hyperprior,
ICLR 2018 (arXiv 1802.01436), with the factorised entropy model. Several gains give one model
several rates (Cui et al., Asymmetric gained deep image compression with continuous rate
adaptation, CVPR 2021): a training step draws one of them, and the charge of a gain g is the weight
by g^2, since the error of the integers falls with g^2.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from hexplane.model.autoregressive import MaskedPrior
from hexplane.model.bottlenecks.base import Bottleneck
from hexplane.model.bottlenecks.noise_settings import NoiseSettings
from hexplane.model.density import LEAST, FactorisedDensity
from hexplane.model.processes import drawn_by_all
from hexplane.model.tables import SymbolTables, code_diagnostics

REACH = 20
"""Greatest integer that has a slot in the tables; others are escapes."""
FARTHEST = 2.0**24
"""Integers beyond this are no longer exact as float32."""


class Noise(Bottleneck):
    """A latent value is an integer divided by the gain.

    The divergence of the noisy latent from the entropy model is its rate: the noise itself has
    no entropy.

    Args:
        settings: gains and charge.
        shape: of one head's latent; its first two axes are views and channels, each pair of which
            has a density of its own.

    Attributes:
        chosen: which gain latents are encoded with outside of training.
    """

    statistics_per_channel = 1
    logged = ("active_units",)

    def __init__(self, settings: NoiseSettings, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.settings = settings
        self.gains = settings.gains
        self.rates = len(self.gains)
        self.groups = math.prod(shape[:2])
        self.density = FactorisedDensity(self.groups)
        places, symbols = math.prod(shape), 2 * REACH + 1
        self.tables = SymbolTables(places, symbols, escape=True, rates=len(self.gains))
        learned = settings.prior == "autoregressive"
        self.prior = MaskedPrior(shape, symbols + 1) if learned else None
        self.chosen = 0
        self._drawn = 0

    def choose(self, rate: int) -> None:
        """Use the gain of that number from now on."""
        super().choose(rate)
        self.chosen = rate

    def encode(self, statistics: Tensor) -> Tensor:
        """Statistics with noise of one step of a drawn gain; else the nearest step's value."""
        if self.training:
            # Drawn before the noise, of which each process takes its own share.
            self._drawn = int(torch.randint(self.rates, ()))
            return statistics + _noise(statistics) / self.gains[self._drawn]
        gain = self.gains[self.chosen]
        integers = self._integers(statistics, gain) + (statistics - statistics.detach()) * gain
        return integers / gain

    def decode(self, latent: Tensor) -> Tensor:
        """The latent itself."""
        return latent

    def rate(self, statistics: Tensor) -> Tensor:
        """Nats by the density, of noisy values in training at the gain last drawn, or of integers.

        Probabilities below 1e-9 count as that.
        """
        gain = self.gains[self._drawn if self.training else self.chosen]
        if self.training:
            values = statistics * gain + _noise(statistics)
        else:
            values = self._integers(statistics, gain)
        grouped = values.flatten(3).permute(1, 2, 0, 3).flatten(2).flatten(0, 1)
        mass = self.density.mass((grouped - 0.5) / gain, (grouped + 0.5) / gain)
        nats = -torch.log(mass.clamp(min=LEAST))
        views, channels = statistics.shape[1:3]
        nats = nats.unflatten(1, (len(statistics), -1)).unflatten(0, (views, channels))
        return nats.permute(2, 0, 1, 3).reshape(statistics.shape)

    def loss_terms(self, rate: Tensor) -> dict[str, Tensor]:
        """`kl`, nats a head; `kl_charged`, the same by the square of the gain in training."""
        kl = rate.sum() / len(rate)
        gain = self.gains[self._drawn] if self.training else self.gains[self.chosen]
        return {"kl": kl, "kl_charged": kl / gain**2}

    def kl_weight(self, step: int) -> float:
        """Weight of the charged rate at a step: a linear ramp."""
        steps = self.settings.kl_warmup_steps
        return self.settings.kl_weight * (min(1.0, step / steps) if steps else 1.0)

    def weights(self, step: int) -> dict[str, float]:
        """The weight of `kl_charged`."""
        return {"kl_charged": self.kl_weight(step)}

    def schedule(self, step: int) -> dict[str, float]:
        """`kl_weight`."""
        return {"kl_weight": self.kl_weight(step)}

    def effective_beta(self, step: int, factor: float, dimensions: int) -> float:
        """weight * factor, at a gain of 1."""
        return self.kl_weight(step) * factor

    @torch.no_grad()
    def fit(self, statistics: Iterable[Tensor]) -> None:
        """The tables of every gain: the density's, and what training heads say of each place.

        And the prior of the first gain, if it is learned.
        """
        heads = torch.cat(list(statistics))
        for rate, gain in enumerate(self.gains):
            integers = self._integers(heads, gain).long().flatten(1)
            shared = self._table(gain).repeat_interleave(integers.shape[1] // self.groups, dim=0)
            weight = self.tables.fit(integers + REACH, shared, rate)
            if rate == 0 and self.prior is not None:
                self.prior.fit(integers + REACH, shared, weight, self.tables)

    def _table(self, gain: float) -> Tensor:
        """Probabilities [G, 2 REACH + 2] of the integers by the density, the escape's last."""
        device = self.density.biases[0].device
        values = torch.arange(-REACH, REACH + 1, device=device).repeat(self.groups, 1)
        mass = self.density.mass((values - 0.5) / gain, (values + 0.5) / gain).clamp(min=LEAST)
        return torch.cat([mass, (1 - mass.sum(1, keepdim=True)).clamp(min=LEAST)], dim=1)

    @torch.no_grad()
    def diagnostics(self, statistics: Iterable[Tensor], draws: int) -> dict[str, Any]:
        """Nats by the tables, bits as packed, integers in use (their perplexity), active units.

        With a learned prior also the bits that a coder by it would need at the first gain.
        """
        heads = torch.cat(list(statistics))
        gain = self.gains[self.chosen]
        integers = self._integers(heads, gain)
        symbols = integers.long().flatten(1) + REACH
        packed = [self.pack(latent) for latent in integers / gain]
        nats = self.tables.nats(symbols, self.chosen)
        found = code_diagnostics((integers / gain).flatten(1), symbols, nats, packed)
        if self.prior is not None and self.chosen == 0:
            found["bits_autoregressive"] = self.prior.bits(symbols, self.tables)
        return found

    @property
    def prior_words(self) -> str:
        """The tables, or the learned prior."""
        return "tables" if self.prior is None else "an autoregressive prior"

    def draw(
        self, shape: torch.Size, generator: torch.Generator, temperature: float = 1.0
    ) -> Tensor:
        """Latents [H, 6, c, h, w], each value by its table; or by a prior learned at its gain."""
        if self.prior is not None and self.chosen == 0:
            symbols = self.prior.draw(shape[0], generator, self.tables, temperature)
        else:
            symbols = self.tables.draw(shape[0], generator, self.chosen, temperature)
        return ((symbols - REACH).float() / self.gains[self.chosen]).reshape(shape)

    def pack(self, latent: Tensor) -> bytes:
        """The gain by its number, and the integers coded by its tables.

        The gain is the one by which the latent was encoded; a latent of none of them is rounded.
        """
        latent = latent.detach().float()
        fitting = [
            rate
            for rate, gain in enumerate(self.gains)
            if torch.equal(self._integers(latent, gain) / gain, latent)
        ]
        rate = self.chosen if self.chosen in fitting or not fitting else fitting[0]
        symbols = self._integers(latent, self.gains[rate]).long().flatten() + REACH
        return bytes([rate]) + self.tables.encode(symbols, rate)

    def unpack(self, packed: bytes, shape: tuple[int, ...]) -> Tensor:
        """The latent of `shape` that `pack` made these bytes of, value for value."""
        if not packed or packed[0] >= self.rates:
            raise ValueError("not the bytes of a latent: they name no gain")
        integers = self.tables.decode(packed[1:], packed[0]) - REACH
        return (integers.float() / self.gains[packed[0]]).reshape(shape)

    def _integers(self, values: Tensor, gain: float) -> Tensor:
        scaled = (values.detach() * gain).nan_to_num(0.0, FARTHEST, -FARTHEST)
        return scaled.round().clamp(-FARTHEST, FARTHEST)


def _noise(like: Tensor) -> Tensor:
    return drawn_by_all(lambda: torch.rand_like(like)) - 0.5


build = Noise
