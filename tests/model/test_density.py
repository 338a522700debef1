"""The factorised entropy model: a distribution, and one that can be learned."""

import math

import torch

from hexplane.model.density import FactorisedDensity


def test_it_is_a_distribution_in_every_group():
    torch.manual_seed(0)
    density = FactorisedDensity(4)
    with torch.no_grad():
        for parameter in density.parameters():
            parameter.add_(torch.randn_like(parameter))
        edges = torch.linspace(-3000, 3000, 60_001).double().expand(4, -1)
        mass = density.double().mass(edges[:, :-1], edges[:, 1:])
    assert mass.min() >= 0
    assert (mass.sum(1) - 1).abs().max() < 1e-6


def test_far_out_it_keeps_its_digits_on_both_sides():
    density = FactorisedDensity(1)
    edges = torch.tensor([[-200.0, 200.0]])
    mass = density.mass(edges - 0.5, edges + 0.5)[0]
    assert (mass > 0).all()
    assert mass.max() / mass.min() < 10


def test_it_learns_two_distributions():
    torch.manual_seed(0)
    density = FactorisedDensity(2)
    optimiser = torch.optim.Adam(density.parameters(), 0.02)
    for _ in range(600):
        values = torch.randn(2, 512) * torch.tensor([[1.0], [4.0]]) + torch.tensor([[3.0], [-5.0]])
        noisy = values + torch.rand_like(values) - 0.5
        loss = -density.mass(noisy - 0.5, noisy + 0.5).clamp(min=1e-9).log().mean(1)
        optimiser.zero_grad()
        loss.sum().backward()
        optimiser.step()
    entropy = [0.5 * math.log(2 * math.pi * math.e * (s**2 + 1 / 12)) for s in (1.0, 4.0)]
    assert (loss.detach() - torch.tensor(entropy)).abs().max() < 0.12
