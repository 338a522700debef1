"""Hexplanes and signed-distance samples as tensors: kept on the device, or read as they come."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hexplane.geometry.features import network_input
from hexplane.geometry.hexplane import Hexplane
from hexplane.geometry.modality import DEPTH, NORMAL, Features
from hexplane.model.codec import WHOLE, Batch, Cube
from hexplane.model.images import Images
from hexplane.plumbing.errors import UserError
from hexplane.store import read_hexplane, read_samples, resolution_of, samples_of
from hexplane.training.crops import cropped

AHEAD = 2
"""Batches that are read while a step runs."""


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

    @property
    def samples(self) -> int:
        """N, signed-distance samples of each head."""
        return int(self.points.shape[1])

    def to(self, device: torch.device) -> "Heads":
        """The same heads on a device: rendered once, moved once."""
        return self._map(lambda values: values.to(device, non_blocking=True))

    def pinned(self) -> "Heads":
        """The same heads in page-locked memory, from which a GPU copies beside its work."""
        return self._map(torch.Tensor.pin_memory)

    def batch(self, heads: Tensor, samples: Tensor, cube: Cube = WHOLE) -> Batch:
        """Some heads [B], by index, at some samples [S] or [B, S] of each, as far as in a cube."""
        images = self.images.map(lambda image: cropped(image[heads], cube))
        chosen = heads[:, None], samples  # picked at once: no copy of all samples
        views = cropped(self.views[heads], cube)
        return Batch(views, images, self.points[chosen], self.distance[chosen], cube)

    def picked(self, orders: Iterable[Tensor]) -> Iterator[tuple["Heads", Tensor]]:
        """For each order, heads by index [B]: what holds them in memory, and where in it."""
        return ((self, order) for order in orders)

    def _map(self, change: Callable[[Tensor], Tensor]) -> "Heads":
        images = self.images.map(change)
        return Heads(change(self.views), images, change(self.points), change(self.distance))


@dataclass(frozen=True)
class StoredHeads:
    """Heads that stay on disk: memory holds a few batches, however many heads there are.

    Attributes:
        hexplanes: stores, and in the folder `sdf` the samples of the same names.
        features: what a network sees of them.
        resolution: R, pixels along a view's side.
        samples: N, signed-distance samples of each head.
        device: where batches are wanted.
    """

    hexplanes: list[Path]
    sdf: Path
    features: Features
    resolution: int
    samples: int
    device: torch.device

    def __len__(self) -> int:
        """H, the number of heads."""
        return len(self.hexplanes)

    def picked(self, orders: Iterable[Tensor]) -> Iterator[tuple[Heads, Tensor]]:
        """As `Heads.picked`; the next orders are read while the caller works."""
        waiting: deque[Future[Heads]] = deque()
        with ThreadPoolExecutor(1, "prefetch") as reader:
            for order in orders:
                waiting.append(reader.submit(self._read, order))
                if len(waiting) > AHEAD:
                    yield self._moved(waiting.popleft())
            while waiting:
                yield self._moved(waiting.popleft())

    def _read(self, order: Tensor) -> Heads:
        chosen = [self.hexplanes[i] for i in order.tolist()]
        heads = load_heads(chosen, self.sdf, self.features)
        return heads.pinned() if self.device.type == "cuda" else heads

    def _moved(self, read: Future[Heads]) -> tuple[Heads, Tensor]:
        heads = read.result().to(self.device)
        return heads, torch.arange(len(heads))


def open_heads(
    hexplanes: list[Path], sdf: Path, features: Features, device: torch.device, budget: float
) -> Heads | StoredHeads:
    """Heads on the device when all of them take no more than `budget` bytes, else on disk.

    Raises:
        UserError: a store is missing, or its resolution or sample count differs.
    """
    resolution = resolution_of(hexplanes[0])
    samples = samples_of(sdf / hexplanes[0].name)
    for path in hexplanes:
        _check_resolution(path, resolution_of(path), hexplanes[0], resolution)
        count = samples_of(sdf / path.name)
        _check_samples(sdf / path.name, count, hexplanes[0], samples)
    stored = StoredHeads(hexplanes, sdf, features, resolution, samples, device)
    (first, _) = next(stored.picked([torch.tensor([0])]))
    one = sum(
        values.nbytes
        for values in (first.views, *first.images, first.points, first.distance)
        if values is not None
    )
    if one * len(hexplanes) > budget:
        return stored
    return load_heads(hexplanes, sdf, features).to(device)


def load_heads(hexplanes: list[Path], sdf: Path, features: Features) -> Heads:
    """Read hexplanes, and for each the samples of the same name in the folder `sdf`.

    Raises:
        UserError: a store is missing, or its resolution or sample count differs.
    """
    planes = read_hexplanes(hexplanes)
    samples = [read_samples(sdf / path.name) for path in hexplanes]
    for path, (points, _) in zip(hexplanes, samples, strict=True):
        _check_samples(sdf / path.name, len(points), hexplanes[0], len(samples[0][0]))
    return make_heads(planes, samples, features)


def read_hexplanes(hexplanes: list[Path]) -> list[Hexplane]:
    """Read hexplanes of one resolution.

    Raises:
        UserError: a store is missing, or its resolution differs.
    """
    planes = [read_hexplane(path) for path in hexplanes]
    for path, plane in zip(hexplanes, planes, strict=True):
        _check_resolution(path, plane.resolution, hexplanes[0], planes[0].resolution)
    return planes


def _check_resolution(path: Path, found: int, first: Path, expected: int) -> None:
    if found != expected:
        raise UserError(
            f"{path}: resolution {found}, but {first} has {expected}; train on one resolution"
        )


def _check_samples(path: Path, found: int, first: Path, expected: int) -> None:
    if found != expected or not found:
        raise UserError(
            f"{path}: {found} samples, but {first.name} has {expected}; "
            "train on equal numbers of one or more"
        )


def make_heads(
    planes: list[Hexplane],
    samples: list[tuple[NDArray[np.float32], NDArray[np.float32]]],
    features: Features,
) -> Heads:
    """Rendered heads, and points [N, 3] and distances [N] of each, as tensors."""
    return Heads(
        views=_stack([network_input(plane, features) for plane in planes]),
        images=make_images(planes, features),
        points=_stack([points for points, _ in samples]),
        distance=_stack([distance for _, distance in samples]),
    )


def make_images(planes: list[Hexplane], features: Features) -> Images:
    """What a network of these features should decode, [H, ...]."""
    return Images(
        _stack([plane.occupancy.astype(np.float32) for plane in planes]),
        _stack([plane.depth for plane in planes]) if features in DEPTH else None,
        _stack([plane.normal for plane in planes]) if features in NORMAL else None,
    )


def _stack(arrays: list[NDArray[np.float32]]) -> Tensor:
    return torch.from_numpy(np.stack(arrays))
