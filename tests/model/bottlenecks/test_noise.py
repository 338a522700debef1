"""The noise bottleneck: noise in training, integers afterwards, and their rate."""

import math

import pytest
import torch

from hexplane.model.bottlenecks.noise import Noise
from hexplane.model.bottlenecks.noise_settings import NoiseSettings

SHAPE = (6, 2, 4, 4)
GAINS = (1.0, 0.5, 4.0)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def _noise(**settings):
    return Noise(NoiseSettings(gains=GAINS, **settings), SHAPE)


def test_afterwards_values_are_integers_of_the_gain_that_was_chosen():
    noise, statistics = _noise().eval(), torch.randn(2, *SHAPE) * 3
    for rate, gain in enumerate(GAINS):
        noise.choose(rate)
        latent = noise.encode(statistics)
        assert torch.equal(latent * gain, (latent * gain).round())
        assert (latent - statistics).abs().max() <= 0.5 / gain + 1e-6


def test_in_training_noise_fills_a_step_of_every_gain_in_turn():
    noise, statistics = _noise().train(), torch.zeros(1, *SHAPE)
    widths = {float(noise.encode(statistics).abs().max()) for _ in range(60)}
    found = sorted({min(GAINS, key=lambda gain: abs(0.5 / gain - width)) for width in widths})
    assert found == sorted(GAINS)
    for width in widths:
        assert any(0.46 / gain < width <= 0.5 / gain for gain in GAINS)


def test_rate_in_training_is_the_density_at_the_gain_of_the_same_pass():
    """A finer gain tells more of the same values: about log 2 nats for each doubling."""
    noise, statistics = _noise().train(), torch.randn(4, *SHAPE) * 8
    rates = {}
    for _ in range(40):
        noise.encode(statistics)
        rate = noise.rate(statistics)
        gain = GAINS[noise._drawn]
        rates[gain] = float(rate.detach().mean())
        terms = noise.loss_terms(rate)
        found = {name: float(term.detach()) for name, term in terms.items()}
        nats = float(rate.detach().sum() / 4)
        assert found == pytest.approx({"kl": nats, "kl_charged": nats / gain**2}, rel=1e-5)
    assert rates[4.0] - rates[1.0] == pytest.approx(math.log(4), abs=0.05)
    assert rates[1.0] - rates[0.5] == pytest.approx(math.log(2), abs=0.05)


def test_rate_of_integers_is_that_of_their_view_and_channel():
    noise = _noise().eval()
    with torch.no_grad():
        for parameter in noise.density.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    statistics = torch.randn(2, *SHAPE) * 3
    rate = noise.rate(statistics)
    for head, view, channel in ((0, 0, 0), (1, 3, 1), (0, 5, 0)):
        values = statistics[head, view, channel].round().reshape(1, -1).expand(12, -1)
        mass = noise.density.mass(values - 0.5, values + 0.5)[2 * view + channel]
        assert torch.allclose(rate[head, view, channel].flatten(), -mass.log(), atol=1e-5)


def test_charge_ramps_and_beta_is_that_of_a_gaussian():
    noise = _noise(kl_weight=1e-4, kl_warmup_steps=100)
    assert [noise.weights(step)["kl_charged"] for step in (0, 50, 100, 900)] == pytest.approx(
        [0, 5e-5, 1e-4, 1e-4]
    )
    assert noise.schedule(50) == {"kl_weight": pytest.approx(5e-5)}
    assert noise.effective_beta(1000, 100.0, 77) == pytest.approx(1e-4 * 100)


def test_tables_are_fitted_for_every_gain_and_code_nearer_than_the_density():
    usual = torch.randn(1, *SHAPE) * 1.5
    heads = usual + torch.randn(50, *SHAPE) * 0.4
    noise = _noise().eval()
    noise.fit(heads[:40].split(1))
    found = []
    for rate in range(3):
        noise.choose(rate)
        own = noise.diagnostics(heads[40:].split(1), draws=1)
        assert own["kl"] < 0.8 * float(noise.rate(heads[40:]).sum() / 10)
        assert own["bits"] == pytest.approx(own["kl"] / math.log(2), rel=0.03, abs=48)
        found.append(own["bits"])
        drawn = noise.draw(torch.Size([20, *SHAPE]), torch.Generator().manual_seed(0))
        assert torch.equal(drawn * GAINS[rate], (drawn * GAINS[rate]).round())
        assert (drawn - usual).abs().mean() < 1.2
    assert found[1] < found[0] < found[2]


def _following(heads):
    """Heads whose columns repeat the first one, save for one value in ten."""
    columns = torch.randn(heads, *SHAPE[:-1], 1).expand(-1, *SHAPE)
    return torch.where(torch.rand(heads, *SHAPE) < 0.9, columns, torch.randn(heads, *SHAPE))


def test_a_learned_prior_is_that_of_the_first_gain():
    heads = _following(110)
    noise = _noise(prior="autoregressive").eval()
    noise.fit(heads[:100].split(1))
    first = noise.diagnostics(heads[100:].split(1), draws=1)
    assert first["bits_autoregressive"] < 0.9 * first["bits"]
    shape = torch.Size([30, *SHAPE])
    learned = noise.draw(shape, torch.Generator().manual_seed(0))
    assert torch.equal(learned, learned.round())
    drawn = noise.tables.draw(30, torch.Generator().manual_seed(0)).reshape(shape)
    repeats = [float((own.diff(dim=-1) == 0).float().mean()) for own in (learned, drawn)]
    assert repeats[0] > repeats[1] + 0.05
    noise.choose(2)
    assert "bits_autoregressive" not in noise.diagnostics(heads[100:].split(1), draws=1)
    finer = noise.draw(shape, torch.Generator().manual_seed(0))
    assert not torch.equal(finer, finer.round())


def test_packed_latents_of_every_gain_come_back_whichever_is_chosen():
    noise, statistics = _noise().eval(), torch.randn(1, *SHAPE) * 9
    statistics[0, 0, 0, 0] = torch.tensor([500.0, -700.3, 1e6, 0.0])  # beyond the tables
    for rate, gain in enumerate(GAINS):
        noise.choose(rate)
        latent = noise.encode(statistics)[0]
        noise.choose(0)
        packed = noise.pack(latent)
        assert torch.equal(noise.unpack(packed, SHAPE), latent), gain
        for other in (packed[:-2], packed + b"\1", bytes([9]) + packed[1:], b""):
            with pytest.raises(ValueError, match="not the bytes"):
                noise.unpack(other, SHAPE)


def test_gradients_pass_the_rounding():
    noise, statistics = _noise().eval(), torch.randn(1, *SHAPE, requires_grad=True)
    noise.encode(statistics).sum().backward()
    assert torch.allclose(statistics.grad, torch.ones_like(statistics))


@pytest.mark.parametrize("gains", [(), (0.0,), (-1.0, 1.0)])
def test_gains_that_are_none_are_refused(gains):
    with pytest.raises(ValueError, match="gains"):
        NoiseSettings(gains=gains)
