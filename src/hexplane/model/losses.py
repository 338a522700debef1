"""Default losses: one term for each thing the planes show, fitted to what extraction reads."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from hexplane import frame
from hexplane.model.network import Planes

SDF_TRUNCATION = 0.1
"""Canonical units beyond which a signed distance is only known to be large."""
MIN_COSINE = 0.2
"""Least weight of a grazing pixel's depth; `hexplane.fusion` trusts normals no further either."""


class Targets(NamedTuple):
    """What the planes and the field should show."""

    coverage: Tensor  # [B, 6, R, R], 1 where the mesh covers the pixel, else 0
    depth: Tensor | None  # [B, 6, R, R]; None for occupancy
    normal: Tensor | None  # [B, 6, 3, R, R]; None for occupancy
    distance: Tensor  # [B, N], signed distances at the field's points


def reconstruction_terms(planes: Planes, distance: Tensor, targets: Targets) -> dict[str, Tensor]:
    """Named scalar terms; their weighted sum is the reconstruction loss.

    coverage: binary cross-entropy, mean over all pixels.
    depth: |difference| times the cosine between normal and ray, which is the distance between
        the surfaces that fusion sees; mean over the covered pixels.
    normal: |difference| summed over x, y, z; mean over the covered pixels.
    sdf: |difference| of the distances [B, N] truncated at `SDF_TRUNCATION`; mean over the points.
    """
    terms = {
        "coverage": functional.binary_cross_entropy_with_logits(
            planes.coverage_logit, targets.coverage
        )
    }
    if planes.depth is not None and planes.normal is not None:
        assert targets.depth is not None and targets.normal is not None
        pixels = targets.coverage.sum().clamp(min=1)
        toward = torch.from_numpy(frame.TOWARD).to(targets.normal)
        cosine = torch.einsum("bvcij,vc->bvij", targets.normal, toward).clamp(min=MIN_COSINE)
        depth_error = (planes.depth - targets.depth).abs() * cosine
        normal_error = (planes.normal - targets.normal).abs().sum(dim=2)
        terms["depth"] = (depth_error * targets.coverage).sum() / pixels
        terms["normal"] = (normal_error * targets.coverage).sum() / pixels
    limit = SDF_TRUNCATION
    clamped = distance.clamp(-limit, limit), targets.distance.clamp(-limit, limit)
    terms["sdf"] = functional.l1_loss(*clamped)
    return terms
