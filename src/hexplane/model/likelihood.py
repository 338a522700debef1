"""Likelihoods: what the decoder's values mean, and how far they are from the truth.

Every reconstruction term but that of `sse` is a mean over its values. The loss
`term + weight * KL` is the evidence bound's `-log p + beta * KL`, each over a constant, with
beta = `beta_factor` * weight.
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional

from hexplane.geometry import frame, modality
from hexplane.geometry.modality import Features
from hexplane.model.images import Images, plain
from hexplane.model.processes import mean_over_processes
from hexplane.model.settings import LikelihoodName

BACKGROUND_BEYOND = 0.9
"""Plain depth at which coverage is one half.

Surfaces lie between 0.05 and 0.95, nearly all of them before 0.9; a decoded background is off the
sentinel by several hundredths. Three of 24 heads lose up to 5 % of one view to it.
"""
MIN_COSINE = 0.2
"""Least weight of a grazing pixel's depth; fusion trusts normals no further."""
LEAST_VARIANCE = 1e-8
"""Keeps the logarithm of a perfect fit's squared error finite."""


class Likelihood(ABC):
    """Decoder values [B, 6, C, R, R] -> images, and terms against the true ones.

    Args:
        features: what is decoded; normals come last, in object space.
    """

    def __init__(self, features: Features) -> None:
        self.depth = features in modality.DEPTH
        self.normal = features in modality.NORMAL

    @property
    def normal_channel(self) -> int:
        """Channel at which normals, if any, begin."""
        return int(self.depth)

    @property
    def channels(self) -> int:
        """C, values that the decoder gives each pixel."""
        return self.normal_channel + 3 * self.normal or 1

    @abstractmethod
    def beta_factor(self, values: int) -> float | None:
        """beta over the weight of a summed KL, of D values a head; None: no likelihood."""

    @abstractmethod
    def images(self, values: Tensor) -> Images:
        """What the values show."""

    @abstractmethod
    def terms(self, values: Tensor, targets: Images) -> dict[str, Tensor]:
        """Named scalars, each a mean over its values."""

    def noise_variance(self, terms: dict[str, float]) -> float | None:
        """sigma^2 of a Gaussian likelihood whose terms are these; None for another one."""
        return None


class Fitted(Likelihood):
    """A coverage logit, depth and unit normals, each with the loss that extraction cares about.

    coverage: binary cross-entropy, mean over all pixels.
    depth: |difference| times the cosine between normal and ray, which is the distance between
        the surfaces that fusion sees; mean over the covered pixels.
    normal: |difference| summed over x, y, z; mean over the covered pixels.
    """

    def beta_factor(self, values: int) -> None:
        """None."""

    @property
    def normal_channel(self) -> int:
        """After the logit and the depth."""
        return 1 + self.depth

    @property
    def channels(self) -> int:
        """The logit, and what features have."""
        return self.normal_channel + 3 * self.normal

    def images(self, values: Tensor) -> Images:
        """Untrained, a view shows the cube's middle plane."""
        return Images(
            values[:, :, 0].sigmoid(),
            values[:, :, 1] + 0.5 if self.depth else None,
            self._normal(values) if self.normal else None,
        )

    def _normal(self, values: Tensor) -> Tensor:
        toward = torch.from_numpy(frame.TOWARD).to(values)[:, :, None, None]
        return functional.normalize(values[:, :, self.normal_channel :] + toward, dim=2)

    def terms(self, values: Tensor, targets: Images) -> dict[str, Tensor]:
        """coverage, and depth and normal where the features have them."""
        logit = values[:, :, 0]
        terms = {"coverage": functional.binary_cross_entropy_with_logits(logit, targets.coverage)}
        shown = self.images(values)
        pixels = mean_over_processes(targets.coverage.sum()).clamp(min=1)
        if shown.depth is not None and targets.depth is not None:
            error = (shown.depth - targets.depth).abs()
            if targets.normal is not None:
                toward = torch.from_numpy(frame.TOWARD).to(values)
                cosine = torch.einsum("bvcij,vc->bvij", targets.normal, toward)
                error = error * cosine.clamp(min=MIN_COSINE)
            terms["depth"] = (error * targets.coverage).sum() / pixels
        if shown.normal is not None and targets.normal is not None:
            error = (shown.normal - targets.normal).abs().sum(dim=2)
            terms["normal"] = (error * targets.coverage).sum() / pixels
        return terms


class MeanSquared(Likelihood):
    """Plain channels as the views hold them, background included; Gaussian of sigma 1.

    The term is the mean squared error: 2 / D times the negative log-likelihood, but a constant.
    """

    def beta_factor(self, values: int) -> float:
        """D / 2."""
        return values / 2

    def noise_variance(self, terms: dict[str, float]) -> float:
        """1."""
        return 1.0

    def images(self, values: Tensor) -> Images:
        """Coverage is read off depth's distance from the sentinel, or off the normal's length."""
        # Untrained, a view is background: depth 1, all else 0.
        depth = values[:, :, 0] + frame.BACKGROUND_DEPTH if self.depth else None
        normal = values[:, :, self.normal_channel :] if self.normal else None
        if depth is not None:
            coverage = (frame.BACKGROUND_DEPTH - depth) / (2 * (1 - BACKGROUND_BEYOND))
        elif normal is not None:
            coverage = normal.norm(dim=2)
        else:
            coverage = values[:, :, 0]
        unit = None if normal is None else functional.normalize(normal, dim=2)
        return Images(coverage.clamp(0, 1), depth, unit)

    def terms(self, values: Tensor, targets: Images) -> dict[str, Tensor]:
        """reconstruction: the squared error over all values."""
        return {"reconstruction": self._squared(values, targets)}

    def _squared(self, values: Tensor, targets: Images) -> Tensor:
        if self.depth:
            empty = torch.zeros(self.channels).to(values)
            empty[0] = frame.BACKGROUND_DEPTH
            values = values + empty[:, None, None]
        return functional.mse_loss(values, plain(targets))


class SummedSquares(MeanSquared):
    """The same channels and sigma; the squared errors of a head are summed.

    The term is twice the negative log-likelihood, but a constant.
    """

    def beta_factor(self, values: int) -> float:
        """1 / 2."""
        return 0.5

    def _squared(self, values: Tensor, targets: Images) -> Tensor:
        return super()._squared(values, targets) * values[0].numel()


class LearnedSigma(MeanSquared):
    """The same channels; one sigma for all values, always the one that fits best.

    The term is the negative log-likelihood in nats a value. Rybkin et al., Simple and effective
    VAE training with calibrated decoders, ICML 2021: sigma^2 = mean squared error.
    """

    def beta_factor(self, values: int) -> float:
        """D."""
        return values

    def noise_variance(self, terms: dict[str, float]) -> float:
        """The mean squared error that the term stands for."""
        return math.exp(2 * terms["reconstruction"]) / (2 * math.pi * math.e)

    def terms(self, values: Tensor, targets: Images) -> dict[str, Tensor]:
        """reconstruction: 1/2 log(2 pi e mean squared error)."""
        squared = mean_over_processes(self._squared(values, targets))
        variance = squared.clamp(min=LEAST_VARIANCE)
        return {"reconstruction": (math.log(2 * math.pi * math.e) + variance.log()) / 2}


class Bernoulli(Likelihood):
    """One logit a pixel; the term is the cross-entropy in nats a pixel."""

    def beta_factor(self, values: int) -> float:
        """D."""
        return values

    def images(self, values: Tensor) -> Images:
        """Coverage alone."""
        return Images(values[:, :, 0].sigmoid(), None, None)

    def terms(self, values: Tensor, targets: Images) -> dict[str, Tensor]:
        """reconstruction: the mean cross-entropy."""
        logit = values[:, :, 0]
        error = functional.binary_cross_entropy_with_logits(logit, targets.coverage)
        return {"reconstruction": error}


def build_likelihood(name: LikelihoodName, features: Features) -> Likelihood:
    """The likelihood of that name."""
    kinds: dict[LikelihoodName, type[Likelihood]] = {
        "fitted": Fitted,
        "mse": MeanSquared,
        "sse": SummedSquares,
        "learned_sigma": LearnedSigma,
        "bernoulli": Bernoulli,
    }
    return kinds[name](features)
