"""What holds of every bottleneck, and the deterministic one."""

import struct

import pytest
import torch

from hexplane.model.bottlenecks import KINDS, build_bottleneck
from hexplane.model.bottlenecks.deterministic import Deterministic
from hexplane.model.bottlenecks.deterministic_settings import DeterministicSettings
from hexplane.model.bottlenecks.gaussian import Gaussian
from hexplane.model.bottlenecks.gaussian_settings import GaussianSettings


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def test_deterministic_bottleneck_changes_nothing_and_costs_nothing():
    bottleneck, statistics = Deterministic(), torch.randn(2, 6, 3, 4, 4)
    assert torch.equal(bottleneck.decode(bottleneck.encode(statistics)), statistics)
    assert not bottleneck.rate(statistics).any()


def test_bottleneck_of_each_kind():
    assert isinstance(build_bottleneck(DeterministicSettings(), (6, 1, 2, 2)), Deterministic)
    assert isinstance(build_bottleneck(GaussianSettings(), (6, 1, 2, 2)), Gaussian)


def test_a_deterministic_latent_has_no_terms_weights_diagnostics_or_prior():
    bottleneck, latent = Deterministic(), torch.randn(2, 6, 3, 4, 4)
    assert bottleneck.loss_terms(bottleneck.rate(latent)) == {}
    assert bottleneck.weights(1000) == bottleneck.schedule(1000) == {}
    assert bottleneck.effective_beta(1000, 100.0, 10) is None
    assert bottleneck.diagnostics(latent.split(1), draws=1) == {}
    assert bottleneck.logged == ()
    assert bottleneck.draw(latent.shape, torch.Generator()) is None


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_keeps_the_interface(kind):
    shape = (6, 3, 4, 5)
    bottleneck = build_bottleneck(KINDS[kind](), shape)
    statistics = torch.randn(2, 6, 3 * bottleneck.statistics_per_channel, 4, 5)
    bottleneck.train()
    assert bottleneck.encode(statistics).shape == bottleneck.rate(statistics).shape == (2, *shape)
    terms = bottleneck.loss_terms(bottleneck.rate(statistics))
    assert set(bottleneck.weights(10)) <= set(terms)
    assert all(term.shape == () and term.isfinite() for term in terms.values())
    bottleneck.eval()
    latent = bottleneck.encode(statistics)
    assert torch.equal(latent, bottleneck.encode(statistics))
    assert bottleneck.rate(statistics).min() >= 0
    assert bottleneck.decode(latent).shape == latent.shape
    bottleneck.fit(iter(statistics.split(1)))
    found = bottleneck.diagnostics(statistics.split(1), draws=1)
    assert set(bottleneck.logged) <= set(found)
    back = bottleneck.unpack(bottleneck.pack(latent[0]), shape)
    assert back.dtype == torch.float32
    assert torch.equal(back, latent[0])
    drawn = bottleneck.draw(latent.shape, torch.Generator().manual_seed(0))
    assert drawn is None or drawn.shape == latent.shape
    # What was learned is kept by the file.
    again = build_bottleneck(KINDS[kind](), shape).eval()
    again.load_state_dict(bottleneck.state_dict())
    assert again.pack(latent[1]) == bottleneck.pack(latent[1])
    with pytest.raises(ValueError, match="allowed: 0 to"):
        bottleneck.choose(bottleneck.rates)


# Packing as numbers


@pytest.fixture(params=["deterministic", "gaussian"])
def bottleneck(request):
    """One of each kind whose latents are any numbers, as the defaults make it."""
    return build_bottleneck(KINDS[request.param](), (6, 3, 4, 5))


def _bits(latent: torch.Tensor) -> list[int]:
    return latent.contiguous().view(torch.int32).flatten().tolist()


def test_unpacked_is_what_was_packed_bit_for_bit(bottleneck):
    latent = torch.randn(6, 3, 4, 5)
    # Numbers that == does not tell apart, or that arithmetic would not keep.
    odd = [0.0, -0.0, torch.inf, -torch.inf, torch.nan, 1e-45, 3.4e38]
    latent.view(-1)[: len(odd)] = torch.tensor(odd)
    latent.view(torch.int32).view(-1)[7] = 0x7F800001  # a NaN that signals
    packed = bottleneck.pack(latent)
    assert len(packed) == 4 * latent.numel()
    back = bottleneck.unpack(packed, tuple(latent.shape))
    assert back.shape == latent.shape
    assert back.dtype == torch.float32
    assert _bits(back) == _bits(latent)
    assert bottleneck.pack(back) == packed


def test_packed_is_little_endian_float32_row_by_row(bottleneck):
    latent = torch.arange(24.0).reshape(2, 3, 4)
    assert bottleneck.pack(latent) == struct.pack("<24f", *range(24))
    # However the tensor lies in memory.
    turned = torch.arange(24.0).reshape(4, 3, 2).permute(2, 1, 0)
    back = bottleneck.unpack(bottleneck.pack(turned), tuple(turned.shape))
    assert torch.equal(back, turned)


def test_a_latent_of_a_training_can_be_packed_and_an_unpacked_one_written_to(bottleneck):
    latent = torch.randn(6, 1, 2, 2, requires_grad=True)
    back = bottleneck.unpack(bottleneck.pack(latent), (6, 1, 2, 2))
    back += 1
    assert torch.equal(back, latent.detach() + 1)


@pytest.mark.parametrize("change", [-4, -1, 1, 4])
def test_bytes_of_another_size_are_refused(bottleneck, change):
    latent = torch.randn(6, 2, 3, 3)
    packed = bottleneck.pack(latent) + bytes(4)
    with pytest.raises(ValueError, match="size"):
        bottleneck.unpack(packed[: len(packed) - 4 + change], tuple(latent.shape))


def test_no_bytes_are_refused(bottleneck):
    with pytest.raises(ValueError, match="size"):
        bottleneck.unpack(b"", (6, 2, 3, 3))
