"""What training minimises, in one place.

    loss = sum of weight * term + kl_weight(step) * charged KL

Every reconstruction term is a mean over its values, the signed-distance term a mean over its
points. The KL is in nats, averaged over heads and summed (`kl_reduction: sum`) over the latent's
dimensions. A mean beside a sum multiplies beta by the number of values D: see `effective_beta`.
"""

from typing import Any

import torch
from torch import Tensor

from hexplane.model.likelihood import build_likelihood
from hexplane.model.losses import distance_term
from hexplane.specs.model import GaussianSpec
from hexplane.specs.train import TrainSpec
from hexplane.training.data import Batch


def loss_terms(model: Any, spec: TrainSpec, batch: Batch) -> dict[str, Tensor]:
    """Named scalar terms, without their weights.

    `kl` is in nats, summed over dimensions; `kl_charged` is what the loss makes of it.
    """
    planes, _, rate = model(batch.views)
    terms: dict[str, Tensor] = model.likelihood.terms(planes.values, batch.images)
    if spec.training.sdf_weight:
        terms["sdf"] = distance_term(model.signed_distance(planes, batch.points), batch.distance)
    if isinstance(spec.bottleneck, GaussianSpec):
        terms["kl"] = rate.sum() / len(rate)
        terms["kl_charged"] = charged_kl(rate, spec.bottleneck)
    return terms


def charged_kl(rate: Tensor, spec: GaussianSpec) -> Tensor:
    """KL as it is charged: rate [B, ...] -> free bits a dimension -> reduced -> cut off hard.

    Free bits: Kingma et al., Improved variational inference with inverse autoregressive flow,
    NeurIPS 2016, on the mean over heads.
    """
    dimensions = rate.mean(dim=0).clamp(min=spec.free_bits)
    total = dimensions.sum() if spec.kl_reduction == "sum" else dimensions.mean()
    return total.clamp(max=spec.kl_cap)


def kl_weight(spec: TrainSpec, step: int) -> float:
    """Weight of the charged KL at a step: a linear ramp; 0 without a Gaussian bottleneck."""
    bottleneck = spec.bottleneck
    if not isinstance(bottleneck, GaussianSpec):
        return 0.0
    ramp = min(1.0, step / bottleneck.kl_warmup_steps) if bottleneck.kl_warmup_steps else 1.0
    return bottleneck.kl_initial_weight + ramp * (
        bottleneck.kl_weight - bottleneck.kl_initial_weight
    )


def weighted_terms(terms: dict[str, Tensor], spec: TrainSpec, step: int) -> dict[str, Tensor]:
    """The summands of the loss at a step."""
    weights = {
        "reconstruction": 1.0,
        "coverage": spec.training.coverage_weight,
        "depth": spec.training.depth_weight,
        "normal": spec.training.normal_weight,
        "sdf": spec.training.sdf_weight,
        "kl_charged": kl_weight(spec, step),
    }
    return {name: weights[name] * term for name, term in terms.items() if name != "kl"}


def total_loss(terms: dict[str, Tensor], spec: TrainSpec, step: int) -> Tensor:
    """The sum that is minimised."""
    return torch.stack(list(weighted_terms(terms, spec, step).values())).sum()


def effective_beta(spec: TrainSpec, resolution: int) -> float | None:
    """beta of the evidence bound `-log p + beta * KL` that the final weight stands for.

    mse: weight * D / 2; learned_sigma and bernoulli: weight * D, with D values a head; a mean KL
    divides by its dimensions. None where there is no KL or no likelihood.
    """
    likelihood = build_likelihood(spec.likelihood, spec.features)
    if not isinstance(spec.bottleneck, GaussianSpec) or likelihood.beta_factor is None:
        return None
    values = 6 * likelihood.channels * resolution**2
    beta = spec.bottleneck.kl_weight * likelihood.beta_factor * values
    if spec.bottleneck.kl_reduction == "mean":
        beta /= 6 * spec.model.latent_channels * spec.model.latent_resolution**2
    return beta
