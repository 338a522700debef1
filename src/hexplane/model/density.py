"""A learned density of one value: the factorised entropy model.

Balle, Minnen, Singh, Hwang and Johnston, Variational image compression with a scale hyperprior,
ICLR 2018 (arXiv 1802.01436), appendix 6.1.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (1, 3, 3, 3, 1)
"""Units of the layers that make a value its place in the distribution."""
SPREAD = 10.0
"""Values within about this of 0 are likely before anything is learned."""
LEAST = 1e-9
"""Probability that a value is taken to have at least: keeps its logarithm finite."""


class FactorisedDensity(nn.Module):
    """One distribution function c(x) for each of G groups: a monotone network into a sigmoid."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        scale = SPREAD ** (1 / (len(WIDTHS) - 1))
        layers = list(zip(WIDTHS, WIDTHS[1:], strict=False))
        self.matrices = nn.ParameterList(
            torch.full((groups, after, before), math.log(math.expm1(1 / scale / after)))
            for before, after in layers
        )
        self.biases = nn.ParameterList(torch.rand(groups, after, 1) - 0.5 for _, after in layers)
        self.factors = nn.ParameterList(torch.zeros(groups, after, 1) for _, after in layers[:-1])

    def logits(self, values: Tensor) -> Tensor:
        """Logits [G, P] of c at values [G, P]."""
        hidden = values[:, None]
        for layer, (matrix, bias) in enumerate(zip(self.matrices, self.biases, strict=True)):
            hidden = functional.softplus(matrix) @ hidden + bias
            if layer < len(self.factors):
                hidden = hidden + torch.tanh(self.factors[layer]) * torch.tanh(hidden)
        return hidden[:, 0]

    def mass(self, low: Tensor, high: Tensor) -> Tensor:
        """Probability [G, P] of the values from `low` to `high`, [G, P] each."""
        low, high = self.logits(low), self.logits(high)
        # On the side where sigmoids are small their difference keeps its digits.
        sign = torch.where(low + high > 0, -1.0, 1.0)
        return (torch.sigmoid(sign * high) - torch.sigmoid(sign * low)).abs()
