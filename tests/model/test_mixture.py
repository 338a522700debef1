"""The prior over coefficients: as many parts as there are clusters, and the covariance of heads."""

import numpy as np
import pytest
import torch

from hexplane.model.mixture import LEADING, Mixture

HEADS, COMPONENTS = 200, 24
FAR = 3.0


def coefficients(values: np.ndarray) -> np.ndarray:
    """Those along the principal components."""
    left, sizes, _ = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    return left * sizes


def normal(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(HEADS, COMPONENTS))


def clusters(seed: int) -> np.ndarray:
    """Two of them, a third and two thirds of the heads, apart along the first axis."""
    values = normal(seed)
    values[:, 0] += np.where(np.arange(HEADS) % 3 == 0, 2 * FAR, -FAR)
    return values


def fitted(values: np.ndarray) -> Mixture:
    prior = Mixture(values.shape[1])
    prior.fit(coefficients(values), len(values))
    return prior


def drawn(prior: Mixture, count: int = 20_000, seed: int = 0) -> torch.Tensor:
    return prior.draw(count, COMPONENTS, torch.Generator().manual_seed(seed))


def test_normal_heads_need_one_part():
    prior = fitted(normal(0))
    assert prior.parts == 1
    assert torch.equal(prior.factor[0], torch.eye(LEADING)) and not prior.centre.any()


@pytest.mark.parametrize("seed", [0, 1])
def test_clusters_are_found(seed: int):
    prior = fitted(clusters(seed))
    assert prior.parts == 2
    assert sorted(prior.share[:2].tolist()) == pytest.approx([1 / 3, 2 / 3], abs=0.02)
    one, other = prior.centre[:2, 0]  # the clusters lie along the first component
    made = (drawn(prior)[:, 0] - (one + other) / 2) / (one - other).abs()
    assert (made.abs() < 0.2).double().mean() < 0.02  # between them there are no heads


@pytest.mark.parametrize("values", [normal(0), clusters(0)], ids=["normal", "clusters"])
def test_draws_have_the_mean_and_covariance_of_heads(values: np.ndarray):
    made = drawn(fitted(values)).double()
    assert made.mean(0).abs().max() < 0.04
    covariance = torch.from_numpy(np.cov(made.numpy().T))
    torch.testing.assert_close(
        covariance, torch.eye(COMPONENTS, dtype=torch.float64), rtol=0, atol=0.1
    )


def test_the_seed_decides():
    prior = fitted(clusters(0))
    assert torch.equal(drawn(prior, 50), drawn(prior, 50))
    assert not torch.equal(drawn(prior, 50), drawn(prior, 50, seed=1))


def test_images_of_a_head_are_not_foretold_by_it():
    # Of each head a copy: whoever sees one of both believes in as many parts as it may.
    values = np.random.default_rng(0).normal(size=(30, COMPONENTS))
    prior = Mixture(COMPONENTS)
    prior.fit(coefficients(np.concatenate([values, values])), 30)
    assert prior.parts == 1


def test_few_heads_and_absent_components_are_no_obstacle():
    prior = Mixture(COMPONENTS)
    prior.fit(coefficients(np.random.default_rng(0).normal(size=(4, 3))), 4)
    assert prior.parts == 1 and drawn(prior, 10).isfinite().all()


def test_it_is_kept_by_the_model():
    prior, again = fitted(clusters(0)), Mixture(COMPONENTS)
    again.load_state_dict(prior.state_dict())
    assert again.parts == 2 and torch.equal(drawn(again, 9), drawn(prior, 9))
