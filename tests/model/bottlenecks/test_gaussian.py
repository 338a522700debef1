"""The Gaussian bottleneck against closed forms and the library's distributions."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from hexplane.model.bottlenecks import gaussian
from hexplane.model.bottlenecks.gaussian import QUANTILES, Gaussian, kl_per_dimension
from hexplane.model.bottlenecks.gaussian_settings import GaussianSettings

GAUSSIAN = GaussianSettings(
    kl_initial_weight=1e-6, kl_weight=1e-4, kl_warmup_steps=100, kl_cap=50.0
)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# Posterior


def _statistics(mean: float, log_variance: float, count: int = 1) -> torch.Tensor:
    statistics = torch.empty(count, 6, 2, 1, 1)
    statistics[:, :, 0] = mean
    # The raw value below the smooth bound: 10 tanh(raw / 10) = log_variance.
    statistics[:, :, 1] = 10 * math.atanh(log_variance / 10)
    return statistics


@pytest.mark.parametrize("mean", [0.0, 0.3, -2.0])
@pytest.mark.parametrize("deviation", [1.0, 0.1, 1.7])
def test_rate_is_the_divergence_from_the_standard_normal(mean, deviation):
    rate = Gaussian().rate(_statistics(mean, 2 * math.log(deviation)))
    closed = (mean**2 + deviation**2 - 1) / 2 - math.log(deviation)
    library = kl_divergence(Normal(mean, deviation), Normal(0.0, 1.0)).item()
    assert closed == pytest.approx(library, abs=1e-6)
    assert rate.shape == (1, 6, 1, 1, 1)
    assert rate.flatten().tolist() == pytest.approx([closed] * 6, rel=1e-4, abs=1e-6)


def test_rate_keeps_its_digits_near_the_prior():
    # (e^v - 1 - v) / 2 is v^2 / 4 for small v.
    rate = Gaussian().rate(_statistics(0.0, 1e-3))
    assert rate.flatten()[0].item() == pytest.approx(2.5e-7, rel=1e-2)


def test_rate_and_sample_stay_finite_for_wild_statistics():
    statistics = torch.full((1, 6, 2, 1, 1), 1e4, requires_grad=True)
    bottleneck = Gaussian().train()
    total = bottleneck.rate(statistics).sum() + bottleneck.encode(statistics).sum()
    total.backward()
    assert torch.isfinite(total)
    assert torch.isfinite(statistics.grad).all()


def test_posterior_samples_have_the_posteriors_mean_and_variance():
    statistics = _statistics(0.7, math.log(0.25), count=20_000)
    drawn = Gaussian().train().encode(statistics).flatten()
    assert drawn.mean().item() == pytest.approx(0.7, abs=0.01)
    assert drawn.var().item() == pytest.approx(0.25, abs=0.01)


def test_latent_in_evaluation_is_the_mean():
    statistics = torch.randn(2, 6, 8, 4, 4)
    assert torch.equal(Gaussian().eval().encode(statistics), statistics[:, :, :4])


# Rate per dimension


def test_kl_per_dimension_is_the_librarys_divergence_averaged_over_heads():
    mean = torch.randn(7, 5, generator=_generator())
    log_variance = 3 * torch.randn(7, 5, generator=_generator(1))
    posterior = Normal(mean.double(), torch.exp(log_variance.double() / 2))
    truth = kl_divergence(posterior, Normal(0.0, 1.0)).mean(dim=0)
    kl = kl_per_dimension(mean, log_variance)
    assert kl.shape == (5,)
    assert torch.allclose(kl, truth, rtol=1e-10, atol=0)


def test_kl_per_dimension_keeps_its_digits_near_the_prior():
    # (e^v - 1 - v) / 2 is v^2 / 4 for small v.
    kl = kl_per_dimension(torch.zeros(2, 1), torch.full((2, 1), 1e-8))
    assert kl.item() == pytest.approx(2.5e-17, rel=1e-4, abs=0)


# Charged KL


def _rate(batch=3):
    return 2 * torch.rand(batch, 6, 2, 4, 4)


def test_sum_and_mean_are_those_over_dimensions():
    rate = _rate()
    sum_of_means = rate.double().numpy().mean(axis=0).sum()
    charged = Gaussian().charged(rate)
    assert charged.item() == pytest.approx(sum_of_means, rel=1e-6)
    mean = Gaussian(GaussianSettings(kl_reduction="mean")).charged(rate)
    assert mean.item() == pytest.approx(sum_of_means / (6 * 2 * 4 * 4), rel=1e-6)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_free_bits_are_free_in_each_dimension(reduction):
    rate = _rate().requires_grad_()
    spec = GaussianSettings(free_bits=1.1, kl_reduction=reduction)
    means = rate.detach().numpy().mean(axis=0)
    paid = means > 1.1
    assert 0.1 < paid.mean() < 0.9
    reduced = getattr(np.maximum(means, 1.1), reduction)()
    charged = Gaussian(spec).charged(rate)
    assert charged.item() == pytest.approx(reduced, rel=1e-5)
    charged.backward()
    share = 1 / 3 if reduction == "sum" else 1 / 3 / means.size
    expected = np.broadcast_to(np.where(paid, share, 0), rate.shape)
    assert np.allclose(rate.grad.numpy(), expected, rtol=1e-5, atol=0)


def test_free_bits_count_on_the_mean_over_heads():
    # A dimension that costs one head 2 nats and the other none is 1 nat on average, not 1.25.
    rate = torch.tensor([0.0, 2.0]).reshape(2, 1)
    assert Gaussian(GaussianSettings(free_bits=0.5)).charged(rate).item() == pytest.approx(1.0)


@pytest.mark.parametrize(("scale", "charged", "slope"), [(0.9, 45.0, 1 / 3), (1.2, 50.0, 0.0)])
def test_cap_is_hard_and_leaves_no_gradient_above_it(scale, charged, slope):
    rate = torch.full((3, 5, 10), scale, requires_grad=True)
    found = Gaussian(GAUSSIAN).charged(rate)
    assert found.item() == pytest.approx(charged, rel=1e-5)
    found.backward()
    expected = torch.full_like(rate, slope)
    assert torch.equal(rate.grad, expected) if not slope else torch.allclose(rate.grad, expected)


def test_cap_is_on_what_is_charged():
    rate = torch.full((3, 5, 10), 1.2)
    mean = GAUSSIAN.model_copy(update={"kl_reduction": "mean", "kl_cap": 1.5})
    assert Gaussian(mean).charged(rate).item() == pytest.approx(1.2)


# Weights


def test_kl_weight_ramps_linearly():
    weights = [Gaussian(GAUSSIAN).kl_weight(step) for step in (0, 50, 100, 1000)]
    assert weights == pytest.approx([1e-6, 5.05e-5, 1e-4, 1e-4])
    at_once = GAUSSIAN.model_copy(update={"kl_warmup_steps": 0})
    assert Gaussian(at_once).kl_weight(0) == pytest.approx(1e-4)


def test_only_the_charged_kl_has_a_weight():
    bottleneck = Gaussian(GAUSSIAN)
    assert bottleneck.weights(50) == {"kl_charged": bottleneck.kl_weight(50)}
    assert bottleneck.schedule(50) == {"kl_weight": bottleneck.kl_weight(50)}


# Diagnostics


@pytest.mark.parametrize("heads", [1, 3])
def test_diagnostics_are_those_of_the_posteriors_over_all_heads(heads):
    bottleneck = Gaussian().eval()
    statistics = 2 * torch.randn(heads, 6, 4, 3, 3)
    found = bottleneck.diagnostics(statistics.split(1), draws=4)
    mean, log_variance = (part.double().flatten(1) for part in bottleneck.moments(statistics))
    posterior = Normal(mean, torch.exp(log_variance / 2))
    rates = kl_divergence(posterior, Normal(0.0, 1.0)).mean(dim=0)
    assert found["dimensions"] == len(rates) == 6 * 2 * 3 * 3
    assert found["kl"] == pytest.approx(rates.sum().item(), rel=1e-5)
    assert found["kl_dimension_max"] == pytest.approx(rates.max().item(), rel=1e-5)
    assert found["kl_dimension_median"] == pytest.approx(rates.median().item(), rel=1e-5)
    quantiles = np.quantile(rates.numpy(), np.linspace(0, 1, QUANTILES))
    assert found["kl_quantiles"] == pytest.approx(quantiles.tolist(), rel=1e-5)
    assert found["active_units"] == (mean.numpy().var(axis=0) > 0.01).sum()
    assert found["marginal_kl"] == pytest.approx(found["kl"] - found["mutual_information"])
    assert found["mutual_information"] <= math.log(heads)
    assert set(bottleneck.logged) <= set(found)


def test_diagnostics_read_the_moments_of_each_head_in_order(monkeypatch):
    read = []
    monkeypatch.setattr(gaussian, "mutual_information", lambda *given: read.append(given) or 0.0)
    bottleneck, statistics = Gaussian().eval(), torch.randn(3, 6, 4, 3, 3)
    bottleneck.diagnostics(statistics.split(1), draws=4)
    ((mean, log_variance, _, draws),) = read
    assert mean.shape == log_variance.shape == (3, 6 * 2 * 3 * 3)
    assert draws == 4
    for head in range(3):
        latent = bottleneck.encode(statistics[head : head + 1])
        assert torch.equal(mean[head], latent.flatten())


def test_latents_of_the_prior_are_standard_normal_and_of_their_own_generator():
    state = torch.get_rng_state()
    shape = torch.Size((200, 6, 2, 8, 8))
    drawn, again, other = (Gaussian().draw(shape, _generator(seed)) for seed in (1, 1, 2))
    assert drawn.shape == shape
    assert torch.equal(drawn, again)
    assert not torch.equal(drawn, other)
    assert drawn.mean().item() == pytest.approx(0, abs=0.01)
    assert drawn.var().item() == pytest.approx(1, abs=0.02)
    assert torch.equal(torch.get_rng_state(), state)
