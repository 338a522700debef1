"""What a training logs about its latent and its gradients."""

import torch
from torch import Tensor

from hexplane.model.codec import Codec
from hexplane.model.diagnostics import gradient_norms
from hexplane.settings.train import TrainingSettings
from hexplane.training.data import Heads, StoredHeads
from hexplane.training.history import HistoryRow
from hexplane.training.objective import Objective, weighted_terms

MOST_HEADS = 16
"""Training heads that the logged diagnostics look at."""
MOST_FITTED = 1024
"""Training heads that a bottleneck learns from after the last step."""


def gradient_row(
    terms: dict[str, Tensor], objective: Objective, settings: TrainingSettings, step: int
) -> HistoryRow:
    """Gradient norm of each weighted term by itself."""
    summands = weighted_terms(terms, objective.codec.bottleneck, settings, step)
    norms = gradient_norms(summands, objective.parameters())
    return {f"gradient_norm_{name}": norm for name, norm in norms.items()}


@torch.no_grad()
def latent_row(codec: Codec, heads: Heads | StoredHeads) -> HistoryRow:
    """What the bottleneck logs of its diagnostics, over the first training heads."""
    bottleneck = codec.bottleneck
    if not bottleneck.logged:
        return {}
    first = torch.arange(min(len(heads), MOST_HEADS))
    picked = heads.picked(first.split(1))
    statistics = (codec.statistics(held.views[one]) for held, one in picked)
    found = bottleneck.diagnostics(statistics, draws=1)
    return {name: float(found[name]) for name in bottleneck.logged}


@torch.no_grad()
def fit_bottleneck(codec: Codec, heads: Heads | StoredHeads) -> None:
    """Let the bottleneck learn after the last step, from the first training heads."""
    codec.eval()
    first = torch.arange(min(len(heads), MOST_FITTED))
    picked = heads.picked(first.split(1))
    codec.bottleneck.fit(codec.statistics(held.views[one]) for held, one in picked)
