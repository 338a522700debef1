"""What every bottleneck answers: all that training, extraction and diagnostics ask of one."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn


class Bottleneck(nn.Module, ABC):
    """Statistics [B, 6, k c, h, w] -> latent [B, 6, c, h, w] -> decoder input, same shape.

    k is `statistics_per_channel`, the statistics that the encoder gives for each latent channel.
    """

    statistics_per_channel: ClassVar[int]
    logged: ClassVar[tuple[str, ...]] = ()
    """Names of `diagnostics` that a training logs as it goes."""
    rates: int = 1
    """At how many rates one model encodes."""

    @abstractmethod
    def encode(self, statistics: Tensor) -> Tensor:
        """Latent [B, 6, c, h, w]: drawn in training mode, the most central one otherwise."""

    def choose(self, rate: int) -> None:
        """Encode, draw and measure at one of the rates from now on; the first unless asked."""
        if rate not in range(self.rates):
            raise ValueError(f"rate {rate} (allowed: 0 to {self.rates - 1})")

    @abstractmethod
    def decode(self, latent: Tensor) -> Tensor:
        """Decoder input [B, 6, c, h, w] of a latent."""

    @abstractmethod
    def rate(self, statistics: Tensor) -> Tensor:
        """Nats [B, 6, c, h, w] that each latent value costs each sample."""

    def loss_terms(self, rate: Tensor) -> dict[str, Tensor]:
        """Named scalars of a batch's rate [B, 6, c, h, w]; without a weight: only shown."""
        return {}

    def weights(self, step: int) -> dict[str, float]:
        """Weight of each charged term at a step."""
        return {}

    def schedule(self, step: int) -> dict[str, float]:
        """What changes with the step, by the names that the history has for it."""
        return {}

    def effective_beta(self, step: int, factor: float, dimensions: int) -> float | None:
        """beta of the evidence bound `-log p + beta * KL` that a step's weight stands for.

        Args:
            step: the step.
            factor: beta over the weight of a summed KL, as the likelihood says.
            dimensions: K, latent dimensions.

        Returns:
            None where no KL is charged.
        """
        return None

    def fit(self, statistics: Iterable[Tensor]) -> None:
        """Learn after the last step, from statistics [B, 6, k c, h, w] of training heads.

        What is learned becomes part of the model: parameters or buffers. By default nothing is.
        """

    def diagnostics(self, statistics: Iterable[Tensor], draws: int) -> dict[str, Any]:
        """What the latent costs and holds over heads, in nats.

        Args:
            statistics: [1, 6, k c, h, w] of each head.
            draws: latents drawn for each head, where an estimate needs some.
        """
        return {}

    def draw(
        self, shape: torch.Size, generator: torch.Generator, temperature: float = 1.0
    ) -> Tensor | None:
        """Latents of that shape [H, 6, c, h, w] from the prior; None where there is no prior.

        Args:
            shape: of the latents.
            generator: where chance comes from.
            temperature: how far from the most typical latent: of continuous latents the deviation
                from their mean is scaled by it, and probabilities of symbols are taken to the power
                of its inverse. 1 is the prior itself, 0 its mean or the likeliest symbols.
        """
        return None

    @property
    def prior_words(self) -> str:
        """What latents are drawn from, in words; nothing where there is no prior."""
        return ""

    def pack(self, latent: Tensor) -> bytes:
        """A latent [6, c, h, w] as bytes: little-endian float32, row-major."""
        return latent.detach().cpu().contiguous().numpy().astype("<f4").tobytes()

    def unpack(self, packed: bytes, shape: tuple[int, ...]) -> Tensor:
        """The latent of `shape` that `pack` made these bytes of, bit for bit.

        Raises:
            ValueError: so many bytes are no latent of that shape.
        """
        return torch.from_numpy(np.frombuffer(packed, "<f4").reshape(shape).astype(np.float32))
