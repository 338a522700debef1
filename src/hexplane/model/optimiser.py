"""Muon for the weights that act as matrices, Adam for the rest, with one learning rate."""

from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer

from hexplane.model.codec import Codec

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Quintic whose iterates send all singular values near 1."""


class Muon(Optimizer):
    """Orthogonalised momentum for weights that act as matrices; Adam where `matrix` is False.

    Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024. Updates are
    scaled to the size of Adam's (Liu et al., Muon is scalable for LLM training, 2025), so that
    both kinds of group share a learning rate.

    Args:
        groups: parameter groups, each with `matrix: bool`.
        lr: learning rate.
    """

    def __init__(self, groups: list[dict[str, Any]], lr: float) -> None:
        super().__init__(groups, {"lr": lr, "momentum": 0.95, "betas": (0.9, 0.95), "eps": 1e-8})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One update; the loss of `closure`, where one is given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            update = self._matrix_update if group["matrix"] else self._adam_update
            for weight in group["params"]:
                if weight.grad is not None:
                    weight.sub_(update(weight, weight.grad, group), alpha=group["lr"])
        return loss

    def _matrix_update(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> Tensor:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum = state["momentum"].lerp_(gradient, 1 - group["momentum"])
        ahead = gradient.lerp(momentum, group["momentum"]).flatten(1)
        return (0.2 * max(ahead.shape) ** 0.5 * orthogonalised(ahead)).reshape(weight.shape)

    def _adam_update(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> Tensor:
        state = self.state[weight]
        if not state:
            state["step"] = torch.zeros(())
            state["mean"] = torch.zeros_like(weight)
            state["square"] = torch.zeros_like(weight)
        state["step"] += 1
        first, second = group["betas"]
        mean = state["mean"].lerp_(gradient, 1 - first)
        square = state["square"].lerp_(gradient.square(), 1 - second)
        count = state["step"].item()
        root = (square / (1 - second**count)).sqrt_().add_(group["eps"])
        return mean / (1 - first**count) / root


def orthogonalised(matrix: Tensor, steps: int = 5) -> Tensor:
    """Roughly U V^T of a matrix U S V^T, by Newton-Schulz iterations."""
    a, b, c = NEWTON_SCHULZ
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / x.norm().clamp(min=1e-12)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


def build_optimiser(codec: Codec, lr: float, kind: Literal["muon", "adam"] = "muon") -> Optimizer:
    """adam: Adam for all weights. muon: Muon for the codec's matrices; Adam for the rest."""
    if kind == "adam":
        return torch.optim.Adam(codec.parameters(), lr)
    matrices = codec.matrices()
    chosen = {id(weight) for weight in matrices}
    rest = [weight for weight in codec.parameters() if id(weight) not in chosen]
    groups = [{"params": matrices, "matrix": True}, {"params": rest, "matrix": False}]
    return Muon(groups, lr)
