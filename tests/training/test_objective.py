"""What training minimises, against sums by hand and minimisers known in closed form."""

import math

import numpy as np
import pytest
import torch
from hexplane.model.losses import SDF_TRUNCATION, distance_term
from torch.distributions import Normal, kl_divergence

from hexplane.geometry.hexplane import Hexplane
from hexplane.model.bottlenecks.gaussian_settings import GaussianSettings
from hexplane.model.codecs.hexplane_settings import HexplaneSettings
from hexplane.model.likelihood import Images, build_likelihood
from hexplane.model.saved import build_network
from hexplane.settings.train import TrainingSettings, TrainSettings
from hexplane.training.data import make_heads
from hexplane.training.objective import (
    charged_kl,
    effective_beta,
    kl_weight,
    loss_terms,
    total_loss,
    weighted_terms,
)

GAUSSIAN = GaussianSettings(
    kl_initial_weight=1e-6, kl_weight=1e-4, kl_warmup_steps=100, kl_cap=50.0
)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


# Signed distance


def test_distance_term_is_the_mean_difference():
    target = torch.linspace(-0.05, 0.05, 10)[None]
    assert distance_term(target, target).item() == 0
    off = torch.tensor([[0.01, -0.01] * 5])
    assert distance_term(target + off, target).item() == pytest.approx(0.01, rel=1e-4)


def test_distances_beyond_the_truncation_are_only_far():
    far = torch.full((1, 10), 0.5)
    assert distance_term(torch.full((1, 10), SDF_TRUNCATION), far).item() == 0
    wrong_side = distance_term(torch.full((1, 10), -3.0), far)
    assert wrong_side.item() == pytest.approx(2 * SDF_TRUNCATION)


# Charged KL


def _rate(batch=3):
    return 2 * torch.rand(batch, 6, 2, 4, 4)


def test_sum_and_mean_are_those_over_dimensions():
    rate = _rate()
    sum_of_means = rate.double().numpy().mean(axis=0).sum()
    charged = charged_kl(rate, GaussianSettings())
    assert charged.item() == pytest.approx(sum_of_means, rel=1e-6)
    mean = charged_kl(rate, GaussianSettings(kl_reduction="mean"))
    assert mean.item() == pytest.approx(sum_of_means / (6 * 2 * 4 * 4), rel=1e-6)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_free_bits_are_free_in_each_dimension(reduction):
    rate = _rate().requires_grad_()
    spec = GaussianSettings(free_bits=1.1, kl_reduction=reduction)
    means = rate.detach().numpy().mean(axis=0)
    paid = means > 1.1
    assert 0.1 < paid.mean() < 0.9
    reduced = getattr(np.maximum(means, 1.1), reduction)()
    charged = charged_kl(rate, spec)
    assert charged.item() == pytest.approx(reduced, rel=1e-5)
    charged.backward()
    share = 1 / 3 if reduction == "sum" else 1 / 3 / means.size
    expected = np.broadcast_to(np.where(paid, share, 0), rate.shape)
    assert np.allclose(rate.grad.numpy(), expected, rtol=1e-5, atol=0)


def test_free_bits_count_on_the_mean_over_heads():
    # A dimension that costs one head 2 nats and the other none is 1 nat on average, not 1.25.
    rate = torch.tensor([0.0, 2.0]).reshape(2, 1)
    assert charged_kl(rate, GaussianSettings(free_bits=0.5)).item() == pytest.approx(1.0)


@pytest.mark.parametrize(("scale", "charged", "slope"), [(0.9, 45.0, 1 / 3), (1.2, 50.0, 0.0)])
def test_cap_is_hard_and_leaves_no_gradient_above_it(scale, charged, slope):
    rate = torch.full((3, 5, 10), scale, requires_grad=True)
    found = charged_kl(rate, GAUSSIAN)
    assert found.item() == pytest.approx(charged, rel=1e-5)
    found.backward()
    expected = torch.full_like(rate, slope)
    assert torch.equal(rate.grad, expected) if not slope else torch.allclose(rate.grad, expected)


def test_cap_is_on_what_is_charged():
    rate = torch.full((3, 5, 10), 1.2)
    mean = GAUSSIAN.model_copy(update={"kl_reduction": "mean", "kl_cap": 1.5})
    assert charged_kl(rate, mean).item() == pytest.approx(1.2)


# Weights


def test_kl_weight_ramps_linearly():
    spec = TrainSettings(bottleneck=GAUSSIAN)
    weights = [kl_weight(spec, step) for step in (0, 50, 100, 1000)]
    assert weights == pytest.approx([1e-6, 5.05e-5, 1e-4, 1e-4])
    at_once = GAUSSIAN.model_copy(update={"kl_warmup_steps": 0})
    assert kl_weight(TrainSettings(bottleneck=at_once), 0) == pytest.approx(1e-4)
    assert kl_weight(TrainSettings(), 1000) == 0


def _ones(*names: str) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(1.0) for name in names}


def test_total_is_the_weighted_sum():
    training = TrainingSettings(coverage_weight=1, depth_weight=2, normal_weight=3, sdf_weight=4)
    spec = TrainSettings(training=training, bottleneck=GAUSSIAN)
    fitted = _ones("coverage", "depth", "normal", "sdf")
    assert total_loss(fitted, spec, 0).item() == pytest.approx(10)
    assert total_loss(_ones("reconstruction", "sdf"), spec, 0).item() == pytest.approx(5)
    # The KL in nats is only logged: what it is charged as is in the loss.
    kl = {"kl": torch.tensor(1e9), "kl_charged": torch.tensor(40.0)}
    assert total_loss(fitted | kl, spec, 100).item() == pytest.approx(10 + 40e-4)
    halfway = weighted_terms(fitted | kl, spec, 50)
    assert {name: value.item() for name, value in halfway.items()} == pytest.approx(
        {"coverage": 1, "depth": 2, "normal": 3, "sdf": 4, "kl_charged": 40 * 5.05e-5}
    )


# Terms of a network


@pytest.fixture(scope="module")
def data():
    """Two heads of noise, at R = 16."""
    rng = np.random.default_rng(0)
    heads = [
        Hexplane(
            rng.uniform(0, 1.2, (6, 16, 16)).clip(max=1).astype("f4"),
            rng.normal(size=(6, 3, 16, 16)).astype("f4"),
        )
        for _ in range(2)
    ]
    points = rng.uniform(-1, 1, (2, 30, 3)).astype("f4")
    distance = rng.normal(size=(2, 30)).astype("f4")
    return make_heads(heads, list(zip(points, distance, strict=True)), "depth_normal")


def _spec(**changes) -> TrainSettings:
    spec = TrainSettings(
        model=HexplaneSettings(
            widths=(8,), latent_channels=2, latent_resolution=4, field_channels=2
        ),
        bottleneck=GaussianSettings(),
        likelihood="mse",
    )
    return spec.model_copy(update=changes)


def _batch(data):
    return data.batch(torch.tensor([0, 1]), torch.arange(30))


def test_terms_are_the_likelihoods_the_fields_and_the_rate(data):
    spec, batch = _spec(), _batch(data)
    network = build_network(spec, 16).eval()
    terms = loss_terms(network, spec, batch)
    assert set(terms) == {"reconstruction", "sdf", "kl", "kl_charged"}
    with torch.no_grad():
        mean, log_variance = network.bottleneck.moments(network.statistics(batch.views))
        planes = network.decode(mean)
        distance = network.signed_distance(planes, batch.points)
    posterior = Normal(mean.double(), torch.exp(log_variance.double() / 2))
    truth = kl_divergence(posterior, Normal(0.0, 1.0)).sum() / 2
    assert terms["kl"].item() == pytest.approx(truth.item(), rel=1e-4)
    assert terms["kl_charged"].item() == pytest.approx(terms["kl"].item(), rel=1e-6)
    error = (distance.clamp(-0.1, 0.1) - batch.distance.clamp(-0.1, 0.1)).abs().mean()
    assert terms["sdf"].item() == pytest.approx(error.item(), rel=1e-5)


def test_no_kl_without_a_gaussian(data):
    spec = TrainSettings(model=_spec().model)
    terms = loss_terms(build_network(spec, 16), spec, _batch(data))
    assert set(terms) == {"coverage", "depth", "normal", "sdf"}


def test_a_weight_of_zero_leaves_the_distance_field_out(data, monkeypatch):
    spec = _spec(training=TrainingSettings(sdf_weight=0))
    network = build_network(spec, 16)
    monkeypatch.setattr(network, "signed_distance", None)  # would fail, if it were called
    terms = loss_terms(network, spec, _batch(data))
    assert set(terms) == {"reconstruction", "kl", "kl_charged"}
    total_loss(terms, spec, 0).backward()
    untouched = {*network.field.parameters(), *network.feature_head.parameters()}
    assert {p for p in network.parameters() if p.grad is None} == untouched


# Beta


def test_effective_beta_counts_the_values_of_a_head():
    spec = _spec(bottleneck=GaussianSettings(kl_weight=1e-3, kl_warmup_steps=0))
    values = 6 * 4 * 16 * 16
    assert effective_beta(spec, 16) == pytest.approx(1e-3 * values / 2)
    sigma = spec.model_copy(update={"likelihood": "learned_sigma"})
    assert effective_beta(sigma, 16) == pytest.approx(1e-3 * values)
    bits = spec.model_copy(update={"likelihood": "bernoulli", "features": "occupancy"})
    assert effective_beta(bits, 16) == pytest.approx(1e-3 * values / 4)
    assert effective_beta(spec.model_copy(update={"likelihood": "fitted"}), 16) is None
    assert effective_beta(TrainSettings(likelihood="mse"), 16) is None


def test_effective_beta_of_a_training_that_ends_half_way_up_the_ramp():
    ramp = GaussianSettings(kl_initial_weight=0, kl_weight=1e-3, kl_warmup_steps=100)
    spec = _spec(bottleneck=ramp)
    spec = spec.model_copy(update={"training": spec.training.model_copy(update={"steps": 50})})
    assert effective_beta(spec, 16) == pytest.approx(5e-4 * 6 * 4 * 16 * 16 / 2)


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
        terms["kl_charged"] = charged_kl(rate(), spec.bottleneck)
        return total_loss(terms, spec, 0)

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
@pytest.mark.parametrize("likelihood", ["mse", "learned_sigma"])
def test_minimiser_is_the_evidence_bounds_at_the_effective_beta(likelihood, weight, reduction):
    spec = TrainSettings(
        features="occupancy",
        likelihood=likelihood,
        bottleneck=GaussianSettings(kl_weight=weight, kl_warmup_steps=0, kl_reduction=reduction),
        model=HexplaneSettings(latent_channels=1, latent_resolution=1),
    )
    beta, count = effective_beta(spec, SIDE), 6 * SIDE**2
    # beta-ELBO of a linear VAE: the latent takes log(signal / (beta sigma^2)) / 2 nats, and
    # leaves beta sigma^2 of the signal (Lucas et al., 2019).
    # The best sigma^2 is what is left a value: (noise + beta sigma^2) / D.
    variance = 1.0 if likelihood == "mse" else NOISE / (count - beta)
    expected = math.log(SIGNAL / (beta * variance)) / 2
    assert expected > 0.1
    assert _linear_rate(spec) == pytest.approx(expected, abs=1e-5)
