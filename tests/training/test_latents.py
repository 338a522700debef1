"""Logged diagnostics of a training's latent and gradients."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from hexplane.geometry.hexplane import Hexplane
from hexplane.model.bottlenecks.deterministic_settings import DeterministicSettings
from hexplane.model.bottlenecks.gaussian_settings import GaussianSettings
from hexplane.model.codecs import build_codec
from hexplane.model.codecs.hexplane_settings import HexplaneSettings
from hexplane.settings.train import TrainSettings
from hexplane.training.data import Heads, make_heads
from hexplane.training.latents import MOST_HEADS, gradient_row, latent_row
from hexplane.training.objective import Objective

R = 16
SPEC = TrainSettings(
    features="depth_normal",
    likelihood="mse",
    bottleneck=GaussianSettings(kl_weight=0.5, kl_warmup_steps=0),
    model=HexplaneSettings(widths=(8,), latent_channels=2, latent_resolution=4, field_channels=2),
)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def _heads(count: int, seeds=None) -> Heads:
    rngs = [np.random.default_rng(seed) for seed in seeds or range(count)]
    planes = [
        Hexplane(rng.uniform(0, 1, (6, R, R)).astype("f4"), rng.normal(size=(6, 3, R, R)))
        for rng in rngs
    ]
    planes = [Hexplane(plane.depth, plane.normal.astype("f4")) for plane in planes]
    samples = [(np.zeros((4, 3), "f4"), np.zeros(4, "f4"))] * count
    return make_heads(planes, samples, "depth_normal")


def test_a_deterministic_latent_has_no_row():
    spec = SPEC.model_copy(update={"bottleneck": DeterministicSettings()})
    assert latent_row(build_codec(spec, R), _heads(2)) == {}


def test_one_head_has_no_active_unit_and_no_information():
    network = build_codec(SPEC, R)
    torch.nn.init.normal_(network.encoder_head.weight)
    row = latent_row(network, _heads(1))
    assert row["active_units"] == 0
    assert row["mutual_information"] == 0
    assert row["kl_dimension_max"] > 0


@pytest.mark.parametrize("count", [2, 3])
def test_many_heads_far_apart_are_told_by_their_latents(count):
    network = build_codec(SPEC, R)
    torch.nn.init.normal_(network.encoder_head.weight, std=3)
    heads = _heads(count)
    row = latent_row(network, heads)
    assert row["mutual_information"] == pytest.approx(math.log(count), abs=1e-6)
    with torch.no_grad():
        moments = network.bottleneck.moments(network.statistics(heads.views))
    mean, log_variance = (part.double().numpy().reshape(count, -1) for part in moments)
    assert row["active_units"] == (mean.var(axis=0) > 0.01).sum() > 0
    posterior = Normal(torch.from_numpy(mean), torch.from_numpy(np.exp(log_variance / 2)))
    rates = kl_divergence(posterior, Normal(0.0, 1.0)).mean(dim=0).sort().values
    assert row["kl_dimension_max"] == pytest.approx(rates[-1].item(), rel=1e-4)
    lower_middle = rates[(len(rates) - 1) // 2].item()
    assert row["kl_dimension_median"] == pytest.approx(lower_middle, rel=1e-4)


def test_equal_heads_tell_nothing():
    network = build_codec(SPEC, R)
    torch.nn.init.normal_(network.encoder_head.weight, std=3)
    row = latent_row(network, _heads(3, seeds=[5, 5, 5]))
    assert row["active_units"] == 0
    assert row["mutual_information"] == pytest.approx(0, abs=1e-9)


def test_only_the_first_heads_are_looked_at():
    network = build_codec(SPEC, R)
    torch.nn.init.normal_(network.encoder_head.weight, std=3)
    equal = latent_row(network, _heads(MOST_HEADS + 1, seeds=[5] * MOST_HEADS + [6]))
    assert equal["active_units"] == 0


def test_statistics_are_those_of_each_head_in_order(monkeypatch):
    network, heads = build_codec(SPEC, R), _heads(3)
    read = []

    def diagnostics(statistics, draws):
        read.extend(statistics)
        return dict.fromkeys(network.bottleneck.logged, draws)

    monkeypatch.setattr(network.bottleneck, "diagnostics", diagnostics)
    assert latent_row(network, heads) == dict.fromkeys(network.bottleneck.logged, 1.0)
    assert len(read) == 3
    network.eval()
    for views, statistics in zip(heads.views, read, strict=True):
        mean, log_variance = network.bottleneck.moments(statistics)
        assert mean.shape == log_variance.shape == (1, 6, 2, 4, 4)
        assert torch.allclose(mean, network.encode(views[None]), atol=1e-6)


def test_row_neither_draws_from_the_training_nor_leaves_gradients():
    network = build_codec(SPEC, R)
    state = torch.get_rng_state()
    latent_row(network, _heads(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(p.grad is None for p in network.parameters())


def test_gradient_norms_are_those_of_each_weighted_term_alone():
    network, heads = build_codec(SPEC, R).eval(), _heads(2)
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    batch = heads.batch(torch.tensor([0, 1]), torch.arange(4))
    objective = Objective(network, SPEC.training)
    row = gradient_row(objective(batch), objective, SPEC.training, 7)
    assert set(row) == {f"gradient_norm_{name}" for name in ("reconstruction", "sdf", "kl_charged")}
    for name, weight in (("reconstruction", 1.0), ("kl_charged", 0.5)):
        network.zero_grad()
        (weight * objective(batch)[name]).backward()
        squares = [p.grad.square().sum() for p in network.parameters() if p.grad is not None]
        norm = torch.stack(squares).sum().sqrt().item()
        assert row[f"gradient_norm_{name}"] == pytest.approx(norm, rel=1e-4)
