"""Diagnostics of the latent against closed forms, quadrature and a linear VAE trained here."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from hexplane.model import diagnostics
from hexplane.model.diagnostics import (
    ACTIVE,
    active_units,
    gradient_norms,
    input_spectrum,
    mutual_information,
    predicted_rates,
)


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# Active units


def test_active_units_are_those_above_the_threshold():
    # Means at +-d about any centre: population variance d^2, where the sample's is 4/3 d^2.
    deviation = torch.tensor([0.0, 0.095, 0.099, 0.101, 0.5])
    sign = torch.tensor([1.0, -1.0, 1.0, -1.0])[:, None]
    centre = torch.tensor([5.0, -3.0, 0.0, 2.0, 100.0])
    assert deviation.square().gt(ACTIVE).tolist() == [False, False, False, True, True]
    assert active_units(centre + sign * deviation) == 2
    assert active_units((centre + sign * deviation)[:, :3]) == 0


def test_one_head_has_no_active_unit():
    assert active_units(torch.tensor([[3.0, -100.0, 0.0]])) == 0


# Mutual information


def _quadrature(means: list[float], deviations: list[float]) -> float:
    """Information in nats between the head and a latent of one dimension, on a fine grid."""
    z = np.linspace(-30, 30, 600_001)
    mean, deviation = np.array(means)[:, None], np.array(deviations)[:, None]
    density = np.exp(-0.5 * ((z - mean) / deviation) ** 2) / (deviation * math.sqrt(2 * math.pi))
    mixture = density.mean(axis=0)
    ratio = np.where(density > 0, density / np.where(mixture > 0, mixture, 1), 1)
    return float((density * np.log(ratio)).sum(axis=1).mean() * (z[1] - z[0]))


def test_identical_posteriors_tell_nothing_of_the_head():
    mean = torch.randn(1, 50, generator=_generator()).expand(6, 50)
    log_variance = torch.randn(1, 50, generator=_generator(1)).expand(6, 50)
    assert mutual_information(mean, log_variance, _generator()) == pytest.approx(0, abs=1e-12)


def test_distant_posteriors_tell_the_head():
    mean = 100 * torch.arange(6.0)[:, None].expand(6, 50)
    information = mutual_information(mean, torch.zeros(6, 50), _generator())
    assert information == pytest.approx(math.log(6), abs=1e-12)
    assert information <= math.log(6)


def test_one_head_is_told_by_nothing():
    mean = torch.randn(1, 50, generator=_generator())
    assert mutual_information(mean, -3 * mean.abs(), _generator()) == 0


@pytest.mark.parametrize(("slope", "deviation"), [(0.5, 1.0), (1.0, 0.5), (2.0, 0.2)])
def test_information_of_a_linear_gaussian_channel(slope, deviation):
    heads, draws = 2000, 32
    quantiles = Normal(0.0, 1.0).icdf((torch.arange(heads) + 0.5) / heads)
    log_variance = torch.full((heads, 1), 2 * math.log(deviation))
    mean = slope * quantiles[:, None]
    information = mutual_information(mean, log_variance, _generator(), draws)
    ratio = (slope / deviation) ** 2
    # One draw's estimate deviates by the correlation of head and latent.
    noise = math.sqrt(ratio / (1 + ratio) / (heads * draws))
    assert information == pytest.approx(math.log1p(ratio) / 2, abs=4 * noise)


def test_information_between_posteriors_of_different_widths():
    means, deviations = [0.0, 1.0, -2.0], [0.3, 1.5, 1.0]
    information = mutual_information(
        torch.tensor(means)[:, None],
        2 * torch.tensor(deviations).log()[:, None],
        _generator(),
        draws=100_000,
    )
    assert information == pytest.approx(_quadrature(means, deviations), abs=0.005)


def test_information_in_many_dimensions_far_from_the_origin():
    # Equal widths: only the distance in deviations counts, and here it is spread over K of them.
    size, distance, deviation = 10_000, 2.0, 1e-2
    step = distance * deviation / math.sqrt(size)
    mean = torch.tensor([[0.0], [step]], dtype=torch.float64).expand(2, size) + 1e4
    log_variance = torch.full((2, size), 2 * math.log(deviation))
    information = mutual_information(mean, log_variance, _generator(), draws=1000)
    assert information == pytest.approx(_quadrature([0.0, distance], [1.0, 1.0]), abs=0.03)


def test_information_draws_from_its_own_generator():
    mean = torch.randn(4, 3, generator=_generator())
    state = torch.get_rng_state()
    first, again, other = (
        mutual_information(mean, torch.zeros(4, 3), _generator(seed)) for seed in (1, 1, 2)
    )
    assert first == again != other
    assert torch.equal(torch.get_rng_state(), state)


# Linear theory


@pytest.mark.parametrize("columns", [4, diagnostics.COLUMNS])
def test_input_spectrum_is_that_of_the_full_covariance(columns, monkeypatch):
    monkeypatch.setattr(diagnostics, "COLUMNS", columns)
    inputs = np.random.default_rng(0).normal(size=(6, 11)) * np.arange(1, 12) + 50
    truth = np.linalg.eigvalsh(np.cov(inputs, rowvar=False, bias=True))[::-1]
    spectrum = input_spectrum(torch.tensor(inputs))
    assert spectrum.tolist() == pytest.approx(truth[:6], rel=1e-9, abs=1e-9)
    assert spectrum[4] > 1


def test_input_spectrum_is_never_negative():
    # Rank one: five eigenvalues are 0 up to rounding.
    inputs = torch.arange(6.0)[:, None] * torch.randn(1, 40, generator=_generator())
    spectrum = input_spectrum(inputs)
    assert (spectrum >= 0).all()
    # The population variance of 0..5 is 35/12.
    total = 35 / 12 * inputs[1].double().square().sum().item()
    assert spectrum.tolist() == pytest.approx([total, 0, 0, 0, 0, 0], rel=1e-6, abs=1e-9)


def _linear_vae_rates(inputs: torch.Tensor, beta: float, variance: float) -> torch.Tensor:
    """Nats, descending, per latent of the linear VAE that minimises the beta-weighted ELBO."""
    heads, size = inputs.shape
    encoder = torch.randn(size, size, generator=_generator(), dtype=torch.float64)
    decoder = torch.randn(size, size, generator=_generator(1), dtype=torch.float64)
    log_variance = torch.zeros(size, dtype=torch.float64)
    offset = torch.zeros(size, dtype=torch.float64)
    parameters = [p.requires_grad_() for p in (encoder, decoder, log_variance, offset)]
    centred = inputs - inputs.mean(dim=0)

    def divergence() -> torch.Tensor:
        posterior = Normal(centred @ encoder.T, torch.exp(log_variance / 2).expand(heads, size))
        return kl_divergence(posterior, Normal(0.0, 1.0)).mean(dim=0)

    def loss() -> torch.Tensor:
        residual = centred - centred @ encoder.T @ decoder.T - offset
        # The expectation over the latent's noise adds its variance as the decoder spreads it.
        spread = (decoder.square() @ torch.exp(log_variance)).sum()
        error = residual.square().sum(dim=1).mean() + spread
        return error / (2 * variance) + beta * divergence().sum()

    search = torch.optim.LBFGS(
        parameters,
        max_iter=3000,
        tolerance_grad=1e-10,
        tolerance_change=1e-16,
        line_search_fn="strong_wolfe",
    )

    def closure() -> torch.Tensor:
        search.zero_grad()
        value = loss()
        value.backward()
        return value

    search.step(closure)
    return divergence().detach().sort(descending=True).values


@pytest.mark.parametrize(("beta", "active"), [(0.4, 3), (2.0, 2), (10.0, 1), (40.0, 0)])
def test_predicted_rates_are_those_of_a_trained_linear_vae(beta, active):
    variance = 0.25
    # An orthogonal design: the covariance is R^T diag(7, 1.5, 0.3) R exactly.
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=_generator(2)).double()).Q
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0]).double()] * 3)
    inputs = signs * torch.tensor([7.0, 1.5, 0.3]).double().sqrt() @ rotation + 4
    spectrum = input_spectrum(inputs)
    rates = predicted_rates(spectrum, beta * variance)
    assert rates.shape == (8,)
    assert int((rates > 0).sum()) == active
    assert not rates[3:].any()
    trained = _linear_vae_rates(inputs, beta, variance)
    assert trained.tolist() == pytest.approx(rates[:3].tolist(), abs=1e-4)


def test_predicted_rate_at_the_threshold_and_of_an_empty_direction():
    rates = predicted_rates(torch.tensor([math.e**2, 1.0, 0.5, 0.0]), 1.0)
    assert rates.tolist() == pytest.approx([1, 0, 0, 0])


# Gradients


def test_gradient_norms_are_those_by_hand():
    weight = nn.Parameter(torch.tensor([1.0, -2.0]))
    bias = nn.Parameter(torch.tensor(3.0))
    unused = nn.Parameter(torch.ones(4))
    frozen = nn.Parameter(torch.ones(2), requires_grad=False)
    elsewhere = nn.Parameter(torch.tensor(5.0))
    product = weight.square().sum() * bias
    terms = {
        # d/dw = 2 w b = (6, -12) and d/db = w^2 = 5, all halved.
        "both": 0.5 * product,
        "bias": -7 * bias + frozen.sum(),
        "elsewhere": elsewhere.square(),
        "constant": torch.tensor(2.0),
    }
    parameters = [weight, bias, unused, frozen]
    norms = gradient_norms(terms, iter(parameters))
    assert list(norms) == list(terms)
    assert norms["both"] == pytest.approx(math.sqrt(36 + 144 + 25) / 2)
    assert norms["bias"] == pytest.approx(7)
    assert norms["elsewhere"] == norms["constant"] == 0
    assert all(parameter.grad is None for parameter in [*parameters, elsewhere])
    # The graph, shared between terms, still leads back.
    (terms["both"] + terms["bias"]).backward()
    assert weight.grad.tolist() == pytest.approx([3, -6])
    assert bias.grad.item() == pytest.approx(2.5 - 7)


def test_gradient_norms_leave_an_accumulated_gradient():
    weight = nn.Parameter(torch.tensor(2.0))
    weight.grad = torch.tensor(9.0)
    assert gradient_norms({"cube": weight**3}, [weight]) == {"cube": pytest.approx(12)}
    assert weight.grad.item() == 9


def test_gradient_norm_without_a_trainable_parameter_is_zero():
    term = nn.Parameter(torch.tensor(2.0)) ** 2
    assert gradient_norms({"term": term}, []) == {"term": 0}
