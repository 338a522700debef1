"""Bottlenecks: how the encoder's statistics become a latent, and what that costs in nats."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from hexplane.specs.model import BottleneckSpec, DeterministicSpec, GaussianSpec

LOG_VARIANCE_LIMIT = 10.0
"""Bound on |log-variance|: keeps exp() finite and its gradient alive."""


class Bottleneck(nn.Module, ABC):
    """Encoder statistics [B, 6, k c, h, w] -> latent [B, 6, c, h, w] -> decoder input, same shape.

    k is `statistics_per_channel`, the statistics that the encoder gives for each latent channel.
    """

    statistics_per_channel: ClassVar[int]

    @abstractmethod
    def encode(self, statistics: Tensor) -> Tensor:
        """Latent [B, 6, c, h, w]: drawn in training mode, the most central one otherwise."""

    @abstractmethod
    def decode(self, latent: Tensor) -> Tensor:
        """Decoder input [B, 6, c, h, w] of a latent."""

    @abstractmethod
    def rate(self, statistics: Tensor) -> Tensor:
        """Nats [B, 6, c, h, w] that each latent value costs each sample."""


class Deterministic(Bottleneck):
    """The latent is the encoder's output; nothing is charged for it."""

    statistics_per_channel = 1

    def encode(self, statistics: Tensor) -> Tensor:
        """The statistics themselves."""
        return statistics

    def decode(self, latent: Tensor) -> Tensor:
        """The latent itself."""
        return latent

    def rate(self, statistics: Tensor) -> Tensor:
        """Zeros."""
        return torch.zeros_like(statistics)


class Gaussian(Bottleneck):
    """Diagonal Gaussian posterior against a standard normal prior.

    Kingma and Welling, Auto-encoding variational Bayes, ICLR 2014.
    """

    statistics_per_channel = 2

    def moments(self, statistics: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance, [B, 6, c, h, w] each, of the posterior."""
        mean, raw = statistics.chunk(2, dim=2)
        # A smooth bound: beyond a clamp no gradient would lead back.
        return mean, LOG_VARIANCE_LIMIT * torch.tanh(raw / LOG_VARIANCE_LIMIT)

    def encode(self, statistics: Tensor) -> Tensor:
        """A reparameterised sample in training mode, the mean otherwise."""
        mean, log_variance = self.moments(statistics)
        if not self.training:
            return mean
        return mean + _noise_like(mean) * torch.exp(log_variance / 2)

    def decode(self, latent: Tensor) -> Tensor:
        """The latent itself."""
        return latent

    def rate(self, statistics: Tensor) -> Tensor:
        """KL divergence of the posterior from N(0, 1)."""
        mean, log_variance = self.moments(statistics)
        # expm1: exp(v) - 1 - v loses its digits near v = 0, where the posterior meets the prior.
        return (mean.square() + torch.expm1(log_variance) - log_variance) / 2


def _noise_like(mean: Tensor) -> Tensor:
    """Unit noise; of several processes each draws its own share of what one would draw."""
    for _ in range(dist.get_rank() if dist.is_initialized() else 0):
        torch.randn_like(mean)
    return torch.randn_like(mean)


def build_bottleneck(spec: BottleneckSpec) -> Bottleneck:
    """The bottleneck that a spec names."""
    match spec:
        case DeterministicSpec():
            return Deterministic()
        case GaussianSpec():
            return Gaussian()
