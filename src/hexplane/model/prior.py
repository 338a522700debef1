"""A prior fitted to the posteriors of a trained encoder: the second of two stages.

What a decoder has seen are draws of the aggregate posterior, and with a small KL weight N(0, I) is
far from it; so the prior is fitted to it after the training (Dai and Wipf, Diagnosing and enhancing
VAE models, ICLR 2019; Ghosh et al., From variational to deterministic autoencoders, ICLR 2020).
The second stage is linear: probabilistic principal components (Tipping and Bishop, Probabilistic
principal component analysis, J. R. Stat. Soc. B 61, 1999). It is fitted in closed form in seconds.
A mixture on the heads would draw the training heads again, and a flow or a network has far more
numbers to learn than tens or hundreds of heads of thousands of dimensions say.
"""

import math

import torch
from torch import Tensor, nn

RANK = 64
"""Most directions in which heads vary together; the rest of their variance is taken apart."""


class LowRankPrior(nn.Module):
    """N(m, W W^T + diag(s)) over K dimensions.

    W holds the principal directions of the posterior means, and s what is left of their variance
    in each dimension, and the mean variance of the posteriors. Until `fit` it is N(0, I).

    Attributes:
        mean, variance: m and s, [K] each.
        directions: W^T [RANK, K]; rows beyond the number of heads are 0.
    """

    mean: Tensor
    variance: Tensor
    directions: Tensor

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dimensions))
        self.register_buffer("variance", torch.ones(dimensions))
        self.register_buffer("directions", torch.zeros(RANK, dimensions))

    @torch.no_grad()
    def fit(self, mean: Tensor, log_variance: Tensor) -> None:
        """The prior nearest to the posteriors of H heads, by their moments [H, K]."""
        mean = mean.double().nan_to_num()  # of a diverged network
        variance = log_variance.double().nan_to_num().exp().mean(dim=0)
        centre = mean.mean(dim=0)
        apart = mean - centre
        # Of the heads' Gram matrix [H, H]: the covariance [K, K] has the same eigenvalues.
        values, vectors = torch.linalg.eigh(apart @ apart.T / len(mean))
        rank = min(RANK, len(mean) - 1)
        first = vectors[:, len(mean) - rank :]
        directions = first.T @ apart / math.sqrt(len(mean))
        rest = apart.square().mean(dim=0) - directions.square().sum(dim=0)
        self.mean.copy_(centre)
        self.variance.copy_(variance + rest.clamp(min=0))
        self.directions.zero_()
        self.directions[:rank] = directions.flip(0)

    def draw(self, heads: int, generator: torch.Generator, temperature: float = 1.0) -> Tensor:
        """Latents [H, K], their deviations from the mean times the temperature."""
        together = torch.randn(heads, RANK, generator=generator).to(self.mean.device)
        own = torch.randn(heads, len(self.mean), generator=generator).to(self.mean.device)
        deviation = together @ self.directions + own * self.variance.sqrt()
        return self.mean + temperature * deviation

    def divergence(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """Nats [H] of posteriors, by their moments [H, K], from this prior.

        By the identities of Woodbury and of the determinant, so that nothing is [K, K].
        """
        own, directions = self.variance.double(), self.directions.double()
        scaled = directions / own  # W^T S^-1
        inner = torch.eye(RANK, dtype=own.dtype, device=own.device) + scaled @ directions.T
        factor = torch.linalg.cholesky_ex(inner).L  # a diverged network's numbers pass through
        half = torch.linalg.solve_triangular(factor, scaled, upper=False)  # L^-1 W^T S^-1
        offset = mean.double() - self.mean.double()
        posterior = log_variance.double()
        distance = (offset.square() / own).sum(1) - (offset @ half.T).square().sum(1)
        trace = posterior.exp() @ (1 / own - half.square().sum(0))
        determinant = own.log().sum() + 2 * factor.diagonal().log().sum() - posterior.sum(1)
        return (trace + distance - len(own) + determinant) / 2
