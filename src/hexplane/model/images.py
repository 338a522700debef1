"""Views as tensors: what a codec decodes, and what it should."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from hexplane.geometry.frame import BACKGROUND_DEPTH


class Images(NamedTuple):
    """Decoded or true views."""

    coverage: Tensor  # [B, 6, R, R] in [0, 1]
    depth: Tensor | None  # [B, 6, R, R], distance from the near face / 2
    normal: Tensor | None  # [B, 6, 3, R, R], object space

    def map(self, change: Callable[[Tensor], Tensor]) -> "Images":
        """Every image changed alike."""
        coverage, depth, normal = self
        return Images(
            change(coverage),
            None if depth is None else change(depth),
            None if normal is None else change(normal),
        )


def composed(images: Images) -> Images:
    """Decoded views as true ones are: background depth and no normal off the head."""
    on = images.coverage >= 0.5
    return Images(
        images.coverage,
        None if images.depth is None else torch.where(on, images.depth, BACKGROUND_DEPTH),
        None if images.normal is None else images.normal * on[:, :, None],
    )


def plain(images: Images) -> Tensor:
    """The plain channels [B, 6, C, R, R] of true views: depth and normal, or else coverage."""
    parts = [] if images.depth is None else [images.depth[:, :, None]]
    parts += [] if images.normal is None else [images.normal]
    return torch.cat(parts or [images.coverage[:, :, None]], dim=2)
