"""What training minimises, against sums by hand and minimisers known in closed form."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from hexplane.model.bottlenecks import build_bottleneck
from hexplane.model.bottlenecks.deterministic import Deterministic
from hexplane.model.bottlenecks.gaussian import Gaussian
from hexplane.model.bottlenecks.gaussian_settings import GaussianSettings
from hexplane.model.codecs import build_codec
from hexplane.model.codecs.hexplane_settings import HexplaneSettings
from hexplane.model.images import Images
from hexplane.model.likelihood import build_likelihood
from hexplane.settings.train import TrainingSettings, TrainSettings
from hexplane.training.objective import Objective, total_loss, weighted_terms

GAUSSIAN = GaussianSettings(
    kl_initial_weight=1e-6, kl_weight=1e-4, kl_warmup_steps=100, kl_cap=50.0
)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


# Terms


class _Codec(nn.Module):
    """Says what it is asked for."""

    left_out = False

    def leave_out_distances(self):
        self.left_out = True

    def loss_terms(self, batch, distances):
        return {"batch": batch, "distances": distances}


@pytest.mark.parametrize("weight", [0, 0.5])
def test_distances_are_asked_for_where_they_have_a_weight(weight):
    codec = _Codec()
    terms = Objective(codec, TrainingSettings(sdf_weight=weight))("batch")
    assert terms == {"batch": "batch", "distances": weight > 0}
    assert codec.left_out == (weight == 0)


# Weights


def _ones(*names: str) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(1.0) for name in names}


def test_total_is_the_weighted_sum():
    training = TrainingSettings(coverage_weight=1, depth_weight=2, normal_weight=3, sdf_weight=4)
    bottleneck = Gaussian(GAUSSIAN)
    fitted = _ones("coverage", "depth", "normal", "sdf")
    assert total_loss(fitted, bottleneck, training, 0).item() == pytest.approx(10)
    assert total_loss(
        _ones("reconstruction", "sdf"), bottleneck, training, 0
    ).item() == pytest.approx(5)
    # The KL in nats is only logged: what it is charged as is in the loss.
    kl = {"kl": torch.tensor(1e9), "kl_charged": torch.tensor(40.0)}
    assert total_loss(fitted | kl, bottleneck, training, 100).item() == pytest.approx(10 + 40e-4)
    halfway = weighted_terms(fitted | kl, bottleneck, training, 50)
    assert {name: value.item() for name, value in halfway.items()} == pytest.approx(
        {"coverage": 1, "depth": 2, "normal": 3, "sdf": 4, "kl_charged": 40 * 5.05e-5}
    )


def test_a_deterministic_bottleneck_adds_nothing_to_the_sum():
    kl = {"kl": torch.tensor(1e9), "kl_charged": torch.tensor(40.0)}
    summands = weighted_terms(_ones("coverage") | kl, Deterministic(), TrainingSettings(), 1000)
    assert sum(summands.values()).item() == 1


# Beta


SIGNAL, NOISE = 9.0, 2.5
"""Squared length of what a latent can tell, and of what it cannot; pixels are worth 1."""
SIDE = 2


def _head(sign: float, hidden: float, along: torch.Tensor, across: torch.Tensor):
    return (sign * SIGNAL**0.5 * along + hidden * NOISE**0.5 * across).reshape(6, SIDE, SIDE)


def _linear_rate(spec: TrainSettings) -> float:
    """Nats of the linear VAE of one latent that minimises the loss as training computes it.

    Heads are four: +- a signal, which encoder and decoder are linear in, and +- a pattern that
    they do not know. Noise of +-1 stands for the standard normal: all is quadratic in it.
    """
    count = 6 * SIDE**2
    along, across = torch.linalg.qr(torch.randn(count, 2, dtype=torch.float64)).Q.T
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=torch.float64)] * 3)
    likelihood = build_likelihood(spec.likelihood, spec.features)
    bottleneck = build_bottleneck(spec.bottleneck, (6, 1, 1, 1))
    coverage = torch.stack([_head(sign, hidden, along, across) for sign, hidden, _ in signs])
    targets = Images(coverage, None, None)
    parameters = torch.tensor([0.5, 0.5, -0.5], dtype=torch.float64, requires_grad=True)
    idle = spec.model.latent_channels * 6 * spec.model.latent_resolution**2 - 1

    def posterior():
        encoder, _, log_deviation = parameters
        return signs[:, 0] * SIGNAL**0.5 * encoder, log_deviation.exp().expand(8)

    def rate():
        informative = kl_divergence(Normal(*posterior()), Normal(0.0, 1.0))[:, None]
        return torch.cat([informative, torch.zeros(8, idle)], dim=1)

    def loss():
        mean, deviation = posterior()
        latent = mean + deviation * signs[:, 2]
        values = (parameters[1] * latent[:, None] * along).reshape(8, 6, 1, SIDE, SIDE)
        terms = likelihood.terms(values, targets)
        terms["kl_charged"] = bottleneck.charged(rate())
        return total_loss(terms, bottleneck, spec.training, 0)

    search = torch.optim.LBFGS(
        [parameters],
        max_iter=500,
        tolerance_grad=1e-12,
        tolerance_change=1e-16,
        line_search_fn="strong_wolfe",
    )

    def closure():
        search.zero_grad()
        value = loss()
        value.backward()
        return value

    search.step(closure)
    return rate().detach().mean(dim=0).sum().item()


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("weight", [0.02, 0.1, 0.4])
@pytest.mark.parametrize("likelihood", ["mse", "sse", "learned_sigma"])
def test_minimiser_is_the_evidence_bounds_at_the_effective_beta(likelihood, weight, reduction):
    spec = TrainSettings(
        features="occupancy",
        likelihood=likelihood,
        bottleneck=GaussianSettings(kl_weight=weight, kl_warmup_steps=0, kl_reduction=reduction),
        model=HexplaneSettings(latent_channels=1, latent_resolution=1),
    )
    beta = build_codec(spec, SIDE).effective_beta(spec.training.steps)
    count = 6 * SIDE**2
    # beta-ELBO of a linear VAE: the latent takes log(signal / (beta sigma^2)) / 2 nats, and
    # leaves beta sigma^2 of the signal (Lucas et al., 2019).
    # The best sigma^2 is what is left a value: (noise + beta sigma^2) / D.
    variance = 1.0 if likelihood in ("mse", "sse") else NOISE / (count - beta)
    expected = math.log(SIGNAL / (beta * variance)) / 2
    assert expected > 0.1
    assert _linear_rate(spec) == pytest.approx(expected, abs=1e-5)
