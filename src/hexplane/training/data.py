"""Hexplanes and signed-distance samples as tensors."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hexplane.errors import UserError
from hexplane.features import network_input
from hexplane.model.losses import Targets
from hexplane.specs.features import Features
from hexplane.store import read_hexplane, read_samples


@dataclass(frozen=True)
class Heads:
    """Some heads in memory.

    Attributes:
        views: [H, 6, C, R, R], the network's input.
        coverage, depth, normal: [H, 6, R, R], and [H, 6, 3, R, R] for the normals.
        points, distance: [H, N, 3] and [H, N], signed-distance samples.
    """

    views: Tensor
    coverage: Tensor
    depth: Tensor
    normal: Tensor
    points: Tensor
    distance: Tensor

    def __len__(self) -> int:
        """H, the number of heads."""
        return len(self.views)

    @property
    def resolution(self) -> int:
        """R, pixels along a view's side."""
        return int(self.views.shape[-1])

    def batch(
        self, heads: Tensor, samples: Tensor, features: Features, device: torch.device
    ) -> tuple[Tensor, Tensor, Targets]:
        """Views, points and targets of some heads [B] at some samples [S] of each, on a device."""
        continuous = features == "depth_normal"
        targets = Targets(
            coverage=self.coverage[heads].to(device),
            depth=self.depth[heads].to(device) if continuous else None,
            normal=self.normal[heads].to(device) if continuous else None,
            distance=self.distance[heads[:, None], samples].to(device),
        )
        points = self.points[heads[:, None], samples]  # picked at once: no copy of all samples
        return self.views[heads].to(device), points.to(device), targets


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
    return Heads(
        views=_stack([network_input(plane, features) for plane in planes]),
        coverage=_stack([plane.occupancy.astype(np.float32) for plane in planes]),
        depth=_stack([plane.depth for plane in planes]),
        normal=_stack([plane.normal for plane in planes]),
        points=_stack([points for points, _ in samples]),
        distance=_stack([distance for _, distance in samples]),
    )


def _stack(arrays: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(arrays))
