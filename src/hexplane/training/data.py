"""Hexplanes and signed-distance samples as tensors."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hexplane.errors import UserError
from hexplane.features import network_input
from hexplane.hexplane import Hexplane
from hexplane.model.likelihood import Images
from hexplane.specs.features import DEPTH, NORMAL, Features
from hexplane.store import read_hexplane, read_samples


class Batch(NamedTuple):
    """Some heads at some points, on the training device."""

    views: Tensor  # [B, 6, C, R, R], the network's input
    images: Images  # what it should decode
    points: Tensor  # [B, S, 3]
    distance: Tensor  # [B, S], signed distance at the points


@dataclass(frozen=True)
class Heads:
    """Some heads in memory.

    Attributes:
        views: [H, 6, C, R, R], the network's input.
        images: what a network of these features should decode.
        points, distance: [H, N, 3] and [H, N], signed-distance samples.
    """

    views: Tensor
    images: Images
    points: Tensor
    distance: Tensor

    def __len__(self) -> int:
        """H, the number of heads."""
        return len(self.views)

    @property
    def resolution(self) -> int:
        """R, pixels along a view's side."""
        return int(self.views.shape[-1])

    def to(self, device: torch.device) -> "Heads":
        """The same heads on a device: rendered once, moved once."""
        return Heads(
            self.views.to(device),
            self.images.map(lambda image: image.to(device)),
            self.points.to(device),
            self.distance.to(device),
        )

    def batch(self, heads: Tensor, samples: Tensor) -> Batch:
        """Some heads [B], by index, at some samples [S] of each."""
        images = self.images.map(lambda image: image[heads])
        chosen = heads[:, None], samples  # picked at once: no copy of all samples
        return Batch(self.views[heads], images, self.points[chosen], self.distance[chosen])


def load_heads(hexplanes: list[Path], sdf: Path, features: Features) -> Heads:
    """Read hexplanes, and for each the samples of the same name in the folder `sdf`.

    Raises:
        UserError: a store is missing, or its resolution or sample count differs.
    """
    planes = [read_hexplane(path) for path in hexplanes]
    samples = [read_samples(sdf / path.name) for path in hexplanes]
    for path, plane, (points, _) in zip(hexplanes, planes, samples, strict=True):
        if plane.resolution != planes[0].resolution:
            raise UserError(
                f"{path}: resolution {plane.resolution}, but {hexplanes[0]} has "
                f"{planes[0].resolution}; train on one resolution"
            )
        if len(points) != len(samples[0][0]) or not len(points):
            raise UserError(
                f"{sdf / path.name}: {len(points)} samples, but {hexplanes[0].name} has "
                f"{len(samples[0][0])}; train on equal numbers of one or more"
            )
    return make_heads(planes, samples, features)


def make_heads(
    planes: list[Hexplane],
    samples: list[tuple[NDArray[np.float32], NDArray[np.float32]]],
    features: Features,
) -> Heads:
    """Rendered heads, and points [N, 3] and distances [N] of each, as tensors."""
    return Heads(
        views=_stack([network_input(plane, features) for plane in planes]),
        images=Images(
            _stack([plane.occupancy.astype(np.float32) for plane in planes]),
            _stack([plane.depth for plane in planes]) if features in DEPTH else None,
            _stack([plane.normal for plane in planes]) if features in NORMAL else None,
        ),
        points=_stack([points for points, _ in samples]),
        distance=_stack([distance for _, distance in samples]),
    )


def _stack(arrays: list[NDArray[np.float32]]) -> Tensor:
    return torch.from_numpy(np.stack(arrays))
