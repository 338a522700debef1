"""What training minimises, in one place.

    loss = sum of weight * term + kl_weight(step) * charged KL

Every reconstruction term is a mean over its values, the signed-distance term a mean over its
points. The KL is in nats, averaged over heads and summed (`kl_reduction: sum`) over the latent's
dimensions. A mean beside a sum multiplies beta by the number of values D: see `effective_beta`.
"""

import torch
from torch import Tensor, nn

from hexplane.model.likelihood import build_likelihood
from hexplane.model.losses import distance_term
from hexplane.model.network import HexplaneAutoencoder
from hexplane.model.processes import mean_over_processes
from hexplane.specs.model import GaussianSpec
from hexplane.specs.train import TrainSpec
from hexplane.training.data import Batch


class Objective(nn.Module):
    """A network and what it is trained for, as one pass: what several processes share out."""

    def __init__(self, network: HexplaneAutoencoder, spec: TrainSpec) -> None:
        super().__init__()
        self.network = network
        self.spec = spec
        if not spec.training.sdf_weight:
            # Without the term nothing leads to these; processes must not wait for their gradients.
            network.field.requires_grad_(False)
            network.feature_head.requires_grad_(False)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The terms of `loss_terms`."""
        return loss_terms(self.network, self.spec, batch)


def loss_terms(network: HexplaneAutoencoder, spec: TrainSpec, batch: Batch) -> dict[str, Tensor]:
    """Named scalar terms, without their weights.

    `kl` is in nats, summed over dimensions; `kl_charged` is what the loss makes of it.
    """
    planes, _, rate = network(batch.views)
    terms = network.likelihood.terms(planes.values, batch.images)
    if spec.training.sdf_weight:
        terms["sdf"] = distance_term(network.signed_distance(planes, batch.points), batch.distance)
    if isinstance(spec.bottleneck, GaussianSpec):
        terms["kl"] = rate.sum() / len(rate)
        terms["kl_charged"] = charged_kl(rate, spec.bottleneck)
    return terms


def charged_kl(rate: Tensor, spec: GaussianSpec) -> Tensor:
    """KL as it is charged: rate [B, ...] -> free bits a dimension -> reduced -> cut off hard.

    Free bits: Kingma et al., Improved variational inference with inverse autoregressive flow,
    NeurIPS 2016, on the mean over heads.
    """
    dimensions = mean_over_processes(rate.mean(dim=0)).clamp(min=spec.free_bits)
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
    """beta of the evidence bound `-log p + beta * KL` that the last step's weight stands for.

    mse: weight * D / 2; learned_sigma and bernoulli: weight * D, with D values a head; a mean KL
    divides by its dimensions. None where there is no KL or no likelihood. A training that is
    shorter than the ramp ends below `kl_weight`.
    """
    likelihood = build_likelihood(spec.likelihood, spec.features)
    if not isinstance(spec.bottleneck, GaussianSpec) or likelihood.beta_factor is None:
        return None
    values = 6 * likelihood.channels * resolution**2
    beta = kl_weight(spec, spec.training.steps) * likelihood.beta_factor * values
    if spec.bottleneck.kl_reduction == "mean":
        beta /= 6 * spec.model.latent_channels * spec.model.latent_resolution**2
    return beta
