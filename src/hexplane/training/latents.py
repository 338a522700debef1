"""What a training logs about its latent and its gradients."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from hexplane.model.bottleneck import Gaussian
from hexplane.model.diagnostics import (
    active_units,
    gradient_norms,
    kl_per_dimension,
    mutual_information,
)
from hexplane.model.network import HexplaneAutoencoder
from hexplane.specs.train import TrainSpec
from hexplane.training.data import Heads, StoredHeads
from hexplane.training.history import Row
from hexplane.training.objective import weighted_terms

MOST_HEADS = 16
"""Training heads that the logged diagnostics look at."""


def gradient_row(
    terms: dict[str, Tensor], spec: TrainSpec, step: int, parameters: Iterable[nn.Parameter]
) -> Row:
    """Gradient norm of each weighted term by itself."""
    norms = gradient_norms(weighted_terms(terms, spec, step), parameters)
    return {f"gradient_norm_{name}": norm for name, norm in norms.items()}


@torch.no_grad()
def latent_row(network: HexplaneAutoencoder, heads: Heads | StoredHeads) -> Row:
    """Diagnostics of a Gaussian latent over the first training heads; nothing of another one.

    With one head, active units and mutual information are 0 by definition.
    """
    if not isinstance(network.bottleneck, Gaussian):
        return {}
    first = torch.arange(min(len(heads), MOST_HEADS))
    picked = heads.picked(first.split(1))
    mean, log_variance = posteriors(network, (held.views[one][0] for held, one in picked))
    dimensions = kl_per_dimension(mean, log_variance)
    generator = torch.Generator(mean.device).manual_seed(0)
    return {
        "active_units": float(active_units(mean)),
        "mutual_information": mutual_information(mean, log_variance, generator, draws=1),
        "kl_dimension_median": float(dimensions.median()),
        "kl_dimension_max": float(dimensions.max()),
    }


@torch.no_grad()
def posteriors(network: HexplaneAutoencoder, views: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and log-variance [H, K] of a Gaussian bottleneck, from H views [6, C, R, R]."""
    bottleneck = network.bottleneck
    assert isinstance(bottleneck, Gaussian)
    moments = [bottleneck.moments(network.statistics(head[None])) for head in views]
    mean, log_variance = (torch.cat(parts).flatten(1) for parts in zip(*moments, strict=True))
    return mean, log_variance
