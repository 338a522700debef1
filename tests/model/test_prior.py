"""The prior fitted to posteriors: its moments, draws and divergence against torch's own."""

import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from hexplane.model.prior import LowRankPrior


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def _covariance(prior):
    return prior.directions.double().T @ prior.directions.double() + prior.variance.double().diag()


def test_before_the_fit_it_is_the_standard_normal():
    prior = LowRankPrior(5)
    mean, log_variance = torch.randn(3, 5), torch.randn(3, 5)
    own = Independent(Normal(mean, (log_variance / 2).exp()), 1)
    expected = kl_divergence(own, Independent(Normal(torch.zeros(5), torch.ones(5)), 1))
    assert torch.allclose(prior.divergence(mean, log_variance).float(), expected, rtol=1e-5)


@pytest.mark.parametrize("heads", [1, 4, 100])
def test_it_has_the_mean_and_variance_of_the_aggregate_posterior(heads):
    mean, log_variance = torch.randn(heads, 9) @ torch.randn(9, 9), torch.randn(heads, 9) - 2
    prior = LowRankPrior(9)
    prior.fit(mean, log_variance)
    own = log_variance.exp().mean(0)
    spread = mean.var(0, correction=0)
    assert torch.allclose(prior.mean, mean.mean(0), atol=1e-5)
    assert torch.allclose(_covariance(prior).diagonal().float(), spread + own, rtol=1e-4)
    centred = (mean - mean.mean(0)).double()
    full = centred.T @ centred / heads + own.double().diag()
    assert torch.allclose(_covariance(prior), full, atol=1e-4)


def test_more_heads_than_directions_keep_the_greatest_of_them():
    basis = torch.linalg.qr(torch.randn(200, 200)).Q
    sizes = torch.cat([torch.linspace(9, 3, 64), torch.full((136,), 0.1)])
    mean = torch.randn(4000, 200) * sizes @ basis.T
    prior = LowRankPrior(200)
    prior.fit(mean, torch.full((4000, 200), -20.0))
    kept = torch.linalg.svdvals(prior.directions)
    assert torch.allclose(kept, sizes[:64], rtol=0.15)
    assert prior.variance.mean() == pytest.approx(136 * 0.01 / 200, rel=0.2)


def test_divergence_is_that_of_the_whole_covariance():
    prior = LowRankPrior(12)
    prior.fit(torch.randn(7, 12) * 3, torch.randn(7, 12) - 1)
    mean, log_variance = torch.randn(5, 12).double(), torch.randn(5, 12).double()
    whole = MultivariateNormal(prior.mean.double(), _covariance(prior))
    own = MultivariateNormal(mean, torch.diag_embed(log_variance.exp()))
    expected = kl_divergence(own, whole)
    assert torch.allclose(prior.divergence(mean, log_variance), expected, rtol=1e-6)


def test_draws_have_its_moments_and_follow_their_seed():
    prior = LowRankPrior(4)
    prior.fit(torch.randn(6, 4) * torch.tensor([5.0, 1, 1, 1]) + 2, torch.full((6, 4), -3.0))
    drawn, again, other = (
        prior.draw(50_000, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(drawn, again)
    assert not torch.equal(drawn, other)
    scale = _covariance(prior).diagonal().max().float()
    assert (drawn.mean(0) - prior.mean).abs().max() < 0.03 * scale.sqrt()
    assert (drawn.T.cov() - _covariance(prior)).abs().max() < 0.05 * scale


def test_numbers_of_a_diverged_network_pass_through():
    prior = LowRankPrior(3)
    nothing = torch.full((2, 3), torch.nan)
    prior.fit(nothing, nothing)
    assert prior.divergence(nothing, nothing).isnan().all()
    prior.load_state_dict({key: value * torch.nan for key, value in prior.state_dict().items()})
    assert prior.divergence(torch.zeros(2, 3), torch.zeros(2, 3)).isnan().all()
