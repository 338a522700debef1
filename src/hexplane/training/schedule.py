"""Learning-rate schedule."""

import torch

from hexplane.settings.train import TrainingSettings


def schedule(step: int, settings: TrainingSettings) -> float:
    """Factor on the learning rate at a step: a linear rise over the warm-up, then the schedule."""
    warmup = max(1, round(settings.warmup * settings.steps))
    if settings.schedule == "constant":
        return min((step + 1) / warmup, 1.0)
    return min((step + 1) / warmup, (settings.steps - step) / max(1, settings.steps - warmup), 1.0)


def set_rate(optimiser: torch.optim.Optimizer, factor: float) -> None:
    """Scale every group's rate from the one it was built with."""
    for group in optimiser.param_groups:
        group.setdefault("initial_lr", group["lr"])
        group["lr"] = group["initial_lr"] * factor
