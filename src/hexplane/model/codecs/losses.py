"""The signed-distance term, beside the likelihood's (`hexplane.model.likelihood`)."""

from torch import Tensor
from torch.nn import functional

SDF_TRUNCATION = 0.1
"""Canonical units beyond which a signed distance is only known to be large."""


def distance_term(distance: Tensor, target: Tensor) -> Tensor:
    """|difference| of distances [B, N] truncated at `SDF_TRUNCATION`; mean over the points."""
    limit = SDF_TRUNCATION
    return functional.l1_loss(distance.clamp(-limit, limit), target.clamp(-limit, limit))
