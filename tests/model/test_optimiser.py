"""Optimisers against closed forms and the library's Adam."""

import pytest
import torch

from hexplane.model import optimiser
from hexplane.model.bottlenecks.deterministic_settings import DeterministicSettings
from hexplane.model.bottlenecks.gaussian_settings import GaussianSettings
from hexplane.model.codecs.hexplane import HexplaneAutoencoder
from hexplane.model.codecs.hexplane_settings import HexplaneSettings


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def _network(features, bottleneck=None):
    sizes = HexplaneSettings(widths=(16,), latent_channels=3, latent_resolution=8, field_channels=4)
    return HexplaneAutoencoder(features, 32, sizes, bottleneck or DeterministicSettings())


@pytest.mark.parametrize("shape", [(16, 16), (64, 16), (16, 200)])
def test_orthogonalised_matrix_has_singular_values_near_1(shape):
    matrix = torch.randn(shape) * 37
    found = optimiser.orthogonalised(matrix)
    assert found.shape == shape
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    values = torch.linalg.svdvals(found)
    assert values.max() < 1.3
    assert values.median() > 0.6
    # The same singular vectors: U^T X V is diagonal and positive.
    turned = u.T @ found @ v.T
    assert (turned - torch.diag(turned.diagonal())).abs().max() < 1e-3
    assert turned.diagonal().min() > 0


def test_orthogonalised_zero_is_zero():
    assert not optimiser.orthogonalised(torch.zeros(4, 6)).any()


def test_every_parameter_is_in_exactly_one_group_and_moves():
    network = _network("depth_normal", GaussianSettings())
    built = optimiser.build_optimiser(network, 1e-3)
    grouped = [id(p) for group in built.param_groups for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in network.parameters())
    before = [p.detach().clone() for p in network.parameters()]
    for weight in network.parameters():
        weight.grad = torch.randn_like(weight)
    built.step()
    moved = [(p - q).abs().mean().item() for p, q in zip(network.parameters(), before, strict=True)]
    # Adam's first step is the learning rate; the orthogonalised one is scaled to be like it.
    assert all(0.05e-3 < step < 2e-3 for step in moved)


def test_adam_group_is_torchs_adam():
    ours, theirs = (torch.nn.Parameter(torch.ones(5)) for _ in range(2))
    mine = optimiser.Muon([{"params": [ours], "matrix": False}], 0.01)
    reference = torch.optim.Adam([theirs], 0.01, betas=(0.9, 0.95))
    for _ in range(5):
        ours.grad = torch.randn(5)
        theirs.grad = ours.grad.clone()
        mine.step()
        reference.step()
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_adam_for_all_is_torchs_adam_over_every_parameter():
    network = _network("occupancy")
    built = optimiser.build_optimiser(network, 2e-3, "adam")
    assert type(built) is torch.optim.Adam
    before = [p.detach().clone() for p in network.parameters()]
    for weight in network.parameters():
        weight.grad = torch.randn_like(weight)
    built.step()
    for weight, old in zip(network.parameters(), before, strict=True):
        # Adam's first step is the rate against the gradient's sign.
        assert torch.allclose(old - weight, 2e-3 * weight.grad.sign(), rtol=1e-2, atol=1e-6)
