"""The latent of a variational autoencoder.

The KL is in nats, averaged over heads and summed (`kl_reduction: sum`) over the latent's
dimensions. A mean reconstruction term beside that sum multiplies beta by the number of values.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hexplane.model.bottlenecks.base import Bottleneck
from hexplane.model.bottlenecks.gaussian_settings import GaussianSettings
from hexplane.model.diagnostics import active_units, mutual_information
from hexplane.model.prior import LowRankPrior
from hexplane.model.processes import drawn_by_all, mean_over_processes

LOG_VARIANCE_LIMIT = 10.0
"""Bound on |log-variance|: keeps exp() finite and its gradient alive."""
QUANTILES = 101
"""Points at which the distribution of KL over dimensions is kept."""


class Gaussian(Bottleneck):
    """Diagonal Gaussian posterior against a standard normal prior.

    Kingma and Welling, Auto-encoding variational Bayes, ICLR 2014. With `prior: learned` latents
    are drawn from a prior that is fitted to the posteriors after the training, which it leaves as
    it is.

    Args:
        settings: charge and prior.
        shape: of one head's latent.
    """

    statistics_per_channel = 2
    logged = ("active_units", "mutual_information", "kl_dimension_median", "kl_dimension_max")

    def __init__(
        self, settings: GaussianSettings | None = None, shape: tuple[int, ...] = ()
    ) -> None:
        super().__init__()
        self.settings = settings or GaussianSettings()
        learned = self.settings.prior == "learned"
        self.prior = LowRankPrior(math.prod(shape)) if learned else None

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
        noise = drawn_by_all(lambda: torch.randn_like(mean))
        return mean + noise * torch.exp(log_variance / 2)

    def decode(self, latent: Tensor) -> Tensor:
        """The latent itself."""
        return latent

    def rate(self, statistics: Tensor) -> Tensor:
        """KL divergence of the posterior from N(0, 1)."""
        return kl_divergence(*self.moments(statistics))

    def loss_terms(self, rate: Tensor) -> dict[str, Tensor]:
        """`kl`, nats summed over dimensions; `kl_charged`, what the loss makes of it."""
        return {"kl": rate.sum() / len(rate), "kl_charged": self.charged(rate)}

    def charged(self, rate: Tensor) -> Tensor:
        """KL as it is charged: rate [B, ...] -> free bits a dimension -> reduced -> cut off hard.

        Free bits: Kingma et al., Improved variational inference with inverse autoregressive flow,
        NeurIPS 2016, on the mean over heads.
        """
        free_bits, reduction = self.settings.free_bits, self.settings.kl_reduction
        dimensions = mean_over_processes(rate.mean(dim=0)).clamp(min=free_bits)
        total = dimensions.sum() if reduction == "sum" else dimensions.mean()
        return total.clamp(max=self.settings.kl_cap)

    def kl_weight(self, step: int) -> float:
        """Weight of the charged KL at a step: a linear ramp."""
        first, steps = self.settings.kl_initial_weight, self.settings.kl_warmup_steps
        ramp = min(1.0, step / steps) if steps else 1.0
        return first + ramp * (self.settings.kl_weight - first)

    def weights(self, step: int) -> dict[str, float]:
        """The weight of `kl_charged`."""
        return {"kl_charged": self.kl_weight(step)}

    def schedule(self, step: int) -> dict[str, float]:
        """`kl_weight`."""
        return {"kl_weight": self.kl_weight(step)}

    def effective_beta(self, step: int, factor: float, dimensions: int) -> float:
        """weight * factor; a mean KL divides by its dimensions."""
        beta = self.kl_weight(step) * factor
        return beta / dimensions if self.settings.kl_reduction == "mean" else beta

    @torch.no_grad()
    def diagnostics(self, statistics: Iterable[Tensor], draws: int) -> dict[str, Any]:
        """KL and its distribution over dimensions, active units, mutual information.

        With one head, active units and mutual information are 0 by definition. With a learned
        prior, also the KL from that one, `kl_prior`.
        """
        moments = [self.moments(head) for head in statistics]
        mean, log_variance = (torch.cat(parts).flatten(1) for parts in zip(*moments, strict=True))
        dimensions = kl_per_dimension(mean, log_variance)
        generator = torch.Generator(mean.device).manual_seed(0)
        information = mutual_information(mean, log_variance, generator, draws)
        kl = float(dimensions.sum())
        quantiles = np.quantile(dimensions.cpu().numpy(), np.linspace(0, 1, QUANTILES))
        found = {
            "kl": kl,
            "kl_quantiles": quantiles.tolist(),
            "kl_dimension_median": float(dimensions.median()),
            "kl_dimension_max": float(dimensions.max()),
            "dimensions": len(dimensions),
            "active_units": active_units(mean),
            "mutual_information": information,
            "marginal_kl": kl - information,
        }
        if self.prior is not None:
            found["kl_prior"] = float(self.prior.divergence(mean, log_variance).mean())
        return found

    @torch.no_grad()
    def fit(self, statistics: Iterable[Tensor]) -> None:
        """The learned prior, from the posteriors of training heads."""
        if self.prior is not None:
            moments = [self.moments(head) for head in statistics]
            mean, log_variance = (torch.cat(own).flatten(1) for own in zip(*moments, strict=True))
            self.prior.fit(mean, log_variance)

    @property
    def prior_words(self) -> str:
        """The standard normal prior, or the learned one."""
        return "N(0, I)" if self.prior is None else "a learned Gaussian"

    def draw(
        self, shape: torch.Size, generator: torch.Generator, temperature: float = 1.0
    ) -> Tensor:
        """Latents [H, 6, c, h, w] from the prior: N(0, 1), or the learned one."""
        if self.prior is not None:
            return self.prior.draw(shape[0], generator, temperature).reshape(shape)
        return temperature * torch.randn(shape, generator=generator)


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Nats of each value, in the shape of the moments: N(mean, variance) from N(0, 1)."""
    # expm1: exp(v) - 1 - v loses its digits near v = 0, where the posterior meets the prior.
    return (mean.square() + torch.expm1(log_variance) - log_variance) / 2


def kl_per_dimension(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Nats [K] from N(0, 1), mean over heads, of posteriors whose moments are [H, K] each."""
    return kl_divergence(mean.double(), log_variance.double()).mean(dim=0)


build = Gaussian
