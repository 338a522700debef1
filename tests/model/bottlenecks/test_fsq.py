"""Finite scalar quantisation: levels, their gradient, and the bytes of a latent."""

import math

import pytest
import torch

from hexplane.model.bottlenecks.fsq import FiniteScalar
from hexplane.model.bottlenecks.fsq_settings import FsqSettings

SHAPE = (6, 2, 4, 4)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def _fsq(levels=5, shape=SHAPE):
    return FiniteScalar(FsqSettings(levels=levels), shape)


@pytest.mark.parametrize("levels", [2, 3, 8])
def test_a_value_is_the_middle_of_one_of_so_many_equal_parts(levels):
    latent = _fsq(levels).encode(torch.linspace(-30, 30, 6 * 32).reshape(1, *SHAPE))
    middles = [-1 + (2 * i + 1) / levels for i in range(levels)]
    assert latent.unique().tolist() == pytest.approx(middles, abs=1e-6)
    # Parts are met at the sigmoid's quantiles.
    edge = math.log(1 / (levels - 1)) / 1.6  # sigmoid(1.6 x) = 1 / levels
    bottom = torch.tensor([edge - 1e-3, edge + 1e-3]).expand(*SHAPE[:3], 2, 2).reshape(1, *SHAPE)
    assert _fsq(levels).encode(bottom)[0, 0, 0, 0, :2].tolist() == pytest.approx(middles[:2])


@pytest.mark.parametrize("levels", [4, 5, 9])
def test_values_of_unit_variance_fill_the_levels_evenly(levels):
    fsq = _fsq(levels, (6, 100, 10, 10))
    _, counts = fsq.encode(torch.randn(1, 6, 100, 10, 10)).unique(return_counts=True)
    assert counts.max() / counts.min() < 1.35


def test_gradient_is_that_of_the_bound():
    statistics = torch.linspace(-2, 2, 6 * 32, dtype=torch.float64).reshape(1, *SHAPE)
    statistics.requires_grad_()
    _fsq().encode(statistics).sum().backward()
    sigmoid = torch.sigmoid(1.6 * statistics.detach())
    assert torch.allclose(statistics.grad, 2 * 1.6 * sigmoid * (1 - sigmoid))


def test_training_changes_nothing_in_what_is_encoded():
    fsq, statistics = _fsq(), torch.randn(2, *SHAPE)
    assert torch.equal(fsq.train().encode(statistics), fsq.eval().encode(statistics))
    assert fsq.loss_terms(fsq.rate(statistics)) == fsq.weights(5) == {}


def test_what_is_known_of_heads_makes_their_bytes_fewer():
    """Every place has a level of its own, from which one head in ten departs."""
    usual = torch.randn(1, *SHAPE) * 2
    heads = torch.where(torch.rand(40, *SHAPE) < 0.9, usual, torch.randn(40, *SHAPE))
    train, test = heads[:30], heads[30:]
    fsq = _fsq().eval()
    before = fsq.diagnostics(test.split(1), draws=1)
    fsq.fit(train.split(1))
    after = fsq.diagnostics(test.split(1), draws=1)
    places = math.prod(SHAPE)
    assert before["kl"] == pytest.approx(places * math.log(5), rel=1e-3)
    assert after["kl"] < 0.5 * before["kl"]
    assert after["kl"] == pytest.approx(float(fsq.rate(test).sum() / len(test)), rel=1e-5)
    assert after["bits"] == pytest.approx(after["kl"] / math.log(2), rel=0.02, abs=40)
    assert after["mutual_information"] == pytest.approx(math.log(10))
    assert 3 < after["symbols_used"] <= 5
    # Draws agree with heads about as often as heads do.
    drawn = fsq.draw(torch.Size([50, *SHAPE]), torch.Generator().manual_seed(0))
    assert set(drawn.unique().tolist()) <= set(fsq.encode(heads).unique().tolist())
    agreement = (drawn == fsq.encode(usual)).float().mean()
    assert 0.8 < agreement < 0.95


def _following(heads):
    """Heads whose columns repeat the first one, save for one value in ten."""
    columns = torch.randn(heads, *SHAPE[:-1], 1).expand(-1, *SHAPE) * 3
    return torch.where(torch.rand(heads, *SHAPE) < 0.9, columns, torch.randn(heads, *SHAPE) * 3)


def test_a_learned_prior_foretells_what_tables_cannot_and_changes_no_code():
    heads = _following(110)
    made = {}
    for prior in ("tables", "autoregressive"):
        torch.manual_seed(1)
        fsq = FiniteScalar(FsqSettings(levels=5, prior=prior), SHAPE).eval()
        fsq.fit(heads[:100].split(1))
        drawn = fsq.draw(torch.Size([30, *SHAPE]), torch.Generator().manual_seed(0))
        made[prior] = fsq, fsq.diagnostics(heads[100:].split(1), draws=1), drawn
    tables, learned = made["tables"], made["autoregressive"]
    assert "bits_autoregressive" not in tables[1]
    assert {name: learned[1][name] for name in tables[1]} == tables[1]
    assert learned[1]["bits_autoregressive"] < 0.9 * learned[1]["bits"]
    packed = [own.pack(own.encode(heads[:1])[0]) for own, _, _ in made.values()]
    assert packed[0] == packed[1]
    repeats = [float((drawn.diff(dim=-1) == 0).float().mean()) for *_, drawn in made.values()]
    assert repeats[1] > repeats[0] + 0.05
    again = FiniteScalar(FsqSettings(levels=5, prior="autoregressive"), SHAPE)
    again.load_state_dict(learned[0].state_dict())
    same = again.draw(torch.Size([30, *SHAPE]), torch.Generator().manual_seed(0))
    assert torch.equal(same, learned[2])


def test_packed_latents_come_back_bit_for_bit_and_others_are_refused():
    fsq = _fsq(7).eval()
    latent = fsq.encode(torch.randn(1, *SHAPE) * 3)[0]
    packed = fsq.pack(latent)
    assert len(packed) < 6 * 32 * math.log2(7) / 8 + 4
    assert torch.equal(fsq.unpack(packed, SHAPE), latent)
    for other in (packed[:-1], packed + b"\1", b""):
        with pytest.raises(ValueError, match="not the bytes"):
            fsq.unpack(other, SHAPE)


def test_a_latent_between_levels_is_packed_as_the_nearest():
    fsq = _fsq(4).eval()
    latent = torch.full(SHAPE, -0.30)  # levels at -0.75, -0.25, 0.25, 0.75
    latent[0, 0, 0, 0], latent[0, 0, 0, 1] = 9.0, torch.nan
    back = fsq.unpack(fsq.pack(latent), SHAPE)
    assert back[0, 0, 0].tolist()[:3] == [0.75, 0.25, -0.25]
