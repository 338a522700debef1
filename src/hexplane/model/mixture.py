"""A prior over principal components' coefficients: one Gaussian, or a mixture on the first ones.

Principal components are uncorrelated over the heads that they are of, so that the Gaussian is
known by its deviations alone. The leading ones need not be normal all the same: heads of women and
of men, or of children, are clusters. How many parts a mixture has is what foretells heads best that
it has not seen (cross-validation); where one part does, the Gaussian is left.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2
from torch import Tensor, nn

LEADING = 8
"""Coefficients that a mixture is over; the others are independent of them and of each other."""
PARTS = (1, 2, 3, 4, 6, 8)
"""Numbers of parts that are tried."""
LEAST = 10
"""Heads a part, on average, below which so many parts are not tried."""
FOLDS = 4
ROUNDS = 60
"""Of expectation and maximisation."""
LEAST_GAIN = 1e-4
"""Nats a head by which a round has to improve, or it is the last."""

LEAST_VARIANCE = 1e-3
"""Of a part, by that of all heads."""

Floats = NDArray[np.float64]


class Mixture(nn.Module):
    """Sum of `share` * N(centre, factor factor^T), in standard deviations of each coefficient.

    Attributes:
        share: [M], 0 for parts that are not there.
        centre: [M, D].
        factor: [M, D, D], lower triangular.
    """

    share: Tensor
    centre: Tensor
    factor: Tensor

    def __init__(self, components: int) -> None:
        super().__init__()
        most, size = max(PARTS), min(LEADING, components)
        self.register_buffer("share", torch.eye(most)[0])
        self.register_buffer("centre", torch.zeros(most, size))
        self.register_buffer("factor", torch.eye(size).repeat(most, 1, 1))

    @property
    def parts(self) -> int:
        """How many there are."""
        return int((self.share > 0).sum())

    def fit(self, coefficients: Floats, heads: int) -> None:
        """Choose the number of parts, and fit them.

        Args:
            coefficients: [n heads, K] of heads, and of their mirror images behind them; their mean
                is 0, and they are uncorrelated. The greatest come first; there may be fewer than
                the prior has room for.
            heads: how many heads there are, of which one and its images are seen together.
        """
        values = coefficients[:, : self.centre.shape[1]]
        fold = np.arange(len(values)) % heads % FOLDS
        scores = {parts: _foretold(values, fold, parts) for parts in PARTS}
        best = max(scores, key=lambda parts: scores[parts])  # of equal ones the fewest
        share, centre, covariance = _fitted(values, best)
        deviation = _deviation(values)
        centre, covariance = centre / deviation, covariance / np.outer(deviation, deviation)
        live = values.shape[1]
        self.share = torch.zeros_like(self.share)
        self.centre = torch.zeros_like(self.centre)
        self.factor = torch.eye(len(self.centre[0])).repeat(len(self.share), 1, 1)
        self.share[:best] = torch.from_numpy(share)
        self.centre[:best, :live] = torch.from_numpy(centre)
        self.factor[:best, :live, :live] = torch.from_numpy(np.linalg.cholesky(covariance))

    def draw(self, heads: int, components: int, generator: torch.Generator) -> Tensor:
        """Coefficients [H, K] in standard deviations."""
        drawn = torch.randn((heads, components), generator=generator)
        chance = torch.rand(heads, generator=generator, dtype=torch.float64)
        ends = self.share.double().cumsum(0)
        chosen = torch.searchsorted(ends[: self.parts - 1], chance * ends[-1], right=True)
        size = self.centre.shape[1]
        turned = torch.einsum("hij,hj->hi", self.factor[chosen], drawn[:, :size])
        return torch.cat([self.centre[chosen] + turned, drawn[:, size:]], dim=1)


def _foretold(values: Floats, fold: NDArray[np.integer], parts: int) -> float:
    """Mean log-density of values [H, D], each by a mixture of those in other folds."""
    total = 0.0
    for left_out in range(FOLDS):
        seen, unseen = values[fold != left_out], values[fold == left_out]
        if len(seen) < LEAST * parts or not len(unseen):
            return 0.0 if parts == 1 else -math.inf
        total += float(_log_densities(unseen, *_fitted(seen, parts)).sum())
    return total / len(values)


def _fitted(values: Floats, parts: int) -> tuple[Floats, Floats, Floats]:
    """Shares [M], centres [M, D] and covariances [M, D, D] of values [H, D].

    One part is that of principal components, which are uncorrelated. More are found by expectation
    and maximisation, each covariance held near that of all parts (Friedman, Regularized
    discriminant analysis, J. Am. Stat. Assoc. 84, 1989).
    """
    size = values.shape[1]
    if parts == 1:
        return np.ones(1), np.zeros((1, size)), np.diag(_deviation(values) ** 2)[None]
    # Not of standardised ones: heads that are of different kinds differ most in what varies most.
    _, label = kmeans2(values, parts, minit="++", seed=np.random.default_rng(0))
    weights = np.eye(parts)[label]
    least = LEAST_VARIANCE * np.diag(_deviation(values) ** 2)
    held = size + 2  # as if so many more heads of each part varied as all do
    before = -math.inf
    for _ in range(ROUNDS):
        counts = weights.sum(axis=0) + 1e-9
        share = counts / counts.sum()
        centre = weights.T @ values / counts[:, None]
        apart = values[None] - centre[:, None]
        scatter = np.einsum("hm,mhi,mhj->mij", weights, apart, apart, optimize=True)
        pooled = scatter.sum(axis=0) / len(values) + least
        covariance = (scatter + held * pooled) / (counts + held)[:, None, None]
        joint = _joint(values, share, centre, covariance)
        now = np.logaddexp.reduce(joint, axis=1)
        weights = np.exp(joint - now[:, None])
        if now.mean() - before < LEAST_GAIN:
            break
        before = float(now.mean())
    return share, centre, covariance


def _deviation(values: Floats) -> Floats:
    """Standard deviations [D] of values [H, D] whose mean is 0."""
    return np.asarray(np.sqrt(np.square(values).mean(axis=0)))


def _log_densities(values: Floats, share: Floats, centre: Floats, covariance: Floats) -> Floats:
    """Of values [H, D] by a mixture: [H]."""
    return np.asarray(np.logaddexp.reduce(_joint(values, share, centre, covariance), axis=1))


def _joint(values: Floats, share: Floats, centre: Floats, covariance: Floats) -> Floats:
    """Log of each part's share times its density: [H, M]."""
    factor = np.linalg.cholesky(covariance)
    apart = np.linalg.solve(factor, (values[None] - centre[:, None]).transpose(0, 2, 1))
    determinant = np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
    constant = values.shape[1] * math.log(2 * math.pi) / 2
    logs = np.log(share) - determinant - constant - np.square(apart).sum(axis=1).T / 2
    return np.asarray(logs)
