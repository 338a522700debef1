"""The latent of a plain autoencoder."""

import torch
from torch import Tensor

from hexplane.model.bottlenecks.base import Bottleneck
from hexplane.model.bottlenecks.deterministic_settings import DeterministicSettings


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


def build(settings: DeterministicSettings, shape: tuple[int, ...]) -> Deterministic:
    """The bottleneck; its settings say no more than its kind."""
    return Deterministic()
