"""What a Gaussian latent carries: its rates, its active units and the linear theory's forecast.

H heads, K latent dimensions, D values of a head's input; information is in nats.
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from hexplane.model.processes import mean_over_processes

ACTIVE = 0.01
"""Variance over heads that a posterior mean must exceed for its dimension to count as active.

Burda, Grosse and Salakhutdinov, Importance weighted autoencoders, ICLR 2016.
"""

COLUMNS = 1 << 18
"""Values of each head that `input_spectrum` holds in double precision at a time."""


def active_units(mean: Tensor) -> int:
    """Dimensions whose posterior mean [H, K] varies over heads by more than `ACTIVE`.

    The variance is the population's, so that one head has no active unit.
    """
    return int((mean.double().var(dim=0, correction=0) > ACTIVE).sum())


@torch.no_grad()
def mutual_information(
    mean: Tensor, log_variance: Tensor, generator: torch.Generator, draws: int = 8
) -> float:
    """Nats that a latent tells of which head it came from: at most log H, 0 for one head.

    Estimated from `draws` samples of each head's posterior (moments [H, K] each), so that noise
    can take it below 0. Hoffman and Johnson, ELBO surgery, NIPS workshop 2016.
    """
    mean, log_variance = mean.double(), log_variance.double()
    heads, dimensions = mean.shape
    precision = torch.exp(-log_variance)
    log_determinant = log_variance.sum(dim=1)
    total = 0.0
    for head in range(heads):
        noise = torch.randn(
            draws, dimensions, generator=generator, dtype=torch.float64, device=generator.device
        )
        step = noise.to(mean.device) * torch.exp(log_variance[head] / 2)
        # The squared distance of mean + step from every head, expanded about this head's mean:
        # about the origin the terms would cancel, and unexpanded they would fill [draws, H, K].
        offset = mean[head] - mean
        pull = offset * precision
        distance = (
            torch.linalg.vecdot(offset, pull) + 2 * step @ pull.T + step.square() @ precision.T
        )
        # Every head's density lacks the same factor of 2 pi.
        log_density = -(distance + log_determinant) / 2
        total += float((log_density[:, head] - log_density.logsumexp(dim=1)).sum())
    # No summand is above 0, which keeps the bound of log H exactly.
    return math.log(heads) + total / (heads * draws)


def input_spectrum(inputs: Tensor) -> Tensor:
    """Eigenvalues [H], descending, of the covariance over heads (1/H) of inputs [H, D].

    Squared input units, summed over values. They are those of the H x H Gram matrix, beside which
    the D x D covariance has only zeros.
    """
    heads = len(inputs)
    gram = torch.zeros(heads, heads, dtype=torch.float64, device=inputs.device)
    for part in inputs.split(COLUMNS, dim=1):
        columns = part.double()
        centred = columns - columns.mean(dim=0)
        gram += centred @ centred.T
    # Centring leaves an eigenvalue of 0, which rounding can take below.
    return torch.linalg.eigvalsh(gram / heads).flip(0).clamp(min=0)


def predicted_rates(spectrum: Tensor, noise: float) -> Tensor:
    """Nats [H] of each principal direction in the optimal linear VAE: log(spectrum / noise) / 2.

    `noise` is beta sigma^2 in the units of `spectrum`, for a likelihood N(x; decoded, sigma^2 I)
    summed over values and a divergence weighted by beta. A direction is active where its
    eigenvalue is above it, and otherwise costs 0.
    Lucas et al., Don't blame the ELBO!, NeurIPS 2019.
    """
    return torch.where(spectrum > noise, torch.log(spectrum / noise) / 2, 0.0)


def gradient_norms(
    terms: dict[str, Tensor], parameters: Iterable[nn.Parameter]
) -> dict[str, float]:
    """Euclidean norm over all parameters of the gradient of each scalar term, weighted as it is.

    A parameter that a term does not use counts as 0. Leaves .grad and the graph as they were.
    """
    trainable = [parameter for parameter in parameters if parameter.requires_grad]
    return {name: _gradient_norm(term, trainable) for name, term in terms.items()}


def _gradient_norm(term: Tensor, parameters: list[nn.Parameter]) -> float:
    if not (term.requires_grad and parameters):
        return 0.0
    gradients = torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True)
    norms = [
        torch.linalg.vector_norm(mean_over_processes(gradient), dtype=torch.float64)
        for gradient in gradients
        if gradient is not None
    ]
    return float(torch.linalg.vector_norm(torch.stack(norms))) if norms else 0.0
