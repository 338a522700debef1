"""What every codec answers: all that training, extraction and diagnostics ask of one."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hexplane.geometry import frame
from hexplane.geometry.hexplane import Hexplane
from hexplane.model.bottlenecks.base import Bottleneck
from hexplane.model.images import Images
from hexplane.model.latent_file import LAYER_BYTES
from hexplane.plumbing.errors import UserError


class Cube(NamedTuple):
    """A part of the canonical cube, or all of it: what images show."""

    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    half: float = 1.0  # of a side, in canonical units


WHOLE = Cube()


class Batch(NamedTuple):
    """Some heads at some points, on the training device."""

    views: Tensor  # [B, 6, C, R, R], what goes in
    images: Images  # what should come out
    points: Tensor  # [B, S, 3]
    distance: Tensor  # [B, S], signed distance at the points
    cube: Cube = WHOLE  # what views and images show; the points lie in it


class Codec(nn.Module, ABC):
    """A head's views to a latent and back: to images, to signed distances, or to both.

    Attributes:
        bottleneck: how statistics become a latent.
        latent_shape: shape of one head's latent.
        trunk_dtype: what the inner blocks compute in, if not in their weights' float32.
    """

    bottleneck: Bottleneck
    latent_shape: tuple[int, ...]
    trunk_dtype: torch.dtype | None = None
    decodes_images: ClassVar[bool]
    """Whether `images` gives views, from which a mesh can be fused."""

    @abstractmethod
    def statistics(self, views: Tensor) -> Tensor:
        """What the bottleneck makes a latent of, from views [B, 6, C, R, R]."""

    def sized(self, shapes: Mapping[str, Sequence[int]]) -> None:
        """Take the shapes that a file of weights has, of weights that settings do not size."""

    def fit(self, fields: Iterable[NDArray[np.floating]]) -> None:
        """Fit to heads in closed form, where the settings are `fitted`.

        Args:
            fields: of each head, what `field_of` makes of its views.
        """
        raise NotImplementedError("trained by steps")

    def field_of(self, hexplane: Hexplane) -> NDArray[np.float32]:
        """What `fit` reads of a head."""
        raise NotImplementedError("trained by steps")

    def encode(self, views: Tensor) -> Tensor:
        """Latent [B, *latent_shape] of views [B, 6, C, R, R]."""
        return self.bottleneck.encode(self.statistics(views))

    def solve(self, views: Tensor) -> Any:
        """What `within` starts from, whatever the size, for views [1, 6, C, R, R] of one head."""
        return self.encode(views)

    def within(self, solved: Any, most: int) -> Tensor:
        """The best latent [1, *latent_shape] whose layers fit a size.

        Args:
            solved: what `solve` made of the head's views.
            most: bytes that `layers` may take in all, with `LAYER_BYTES` for each.

        Raises:
            UserError: no latent is as small; says how small they are.
        """
        latent: Tensor = solved
        needed = sum(len(layer) + LAYER_BYTES for layer in self.layers(latent[0]))
        if needed > most:
            raise UserError(f"this codec has one rate, of {needed} bytes (allowed here: {most})")
        return latent

    def layers(self, latent: Tensor) -> list[bytes]:
        """A latent [*latent_shape] as layers of code: the first alone decodes, each refines."""
        return [self.bottleneck.pack(latent)]

    def from_layers(self, layers: Sequence[bytes]) -> Tensor:
        """The latent [*latent_shape] that the first layers say.

        Raises:
            ValueError: they are none of this codec's.
        """
        (packed,) = layers
        return self.bottleneck.unpack(packed, self.latent_shape)

    @abstractmethod
    def decode(self, latent: Tensor) -> Any:
        """What a latent [B, *latent_shape] stands for; only this codec reads it."""

    @abstractmethod
    def images(self, decoded: Any) -> Images:
        """The views in what was decoded."""

    @abstractmethod
    def signed_distance(self, decoded: Any, points: Tensor) -> Tensor:
        """Signed distance [B, N] at points [B, N, 3], canonical units, negative inside."""

    def grid(self, decoded: Any, resolution: int) -> NDArray[np.float32]:
        """Signed distance [N, N, N] of one decoded latent at the voxel centres."""
        axis = torch.from_numpy(frame.voxel_centres(resolution)).float()
        slabs = []
        for x in axis:  # a slab at a time: memory stays flat in N
            y, z = torch.meshgrid(axis, axis, indexing="ij")
            points = torch.stack([x.expand_as(y), y, z], dim=-1).reshape(1, -1, 3)
            slabs.append(self.signed_distance(decoded, points).reshape(resolution, resolution))
        return torch.stack(slabs).numpy()

    @abstractmethod
    def loss_terms(self, batch: Batch, distances: bool) -> dict[str, Tensor]:
        """Named scalar terms without their weights; `distances`: with that of signed distances.

        Every reconstruction term is a mean over its values.
        """

    def leave_out_distances(self) -> None:
        """No gradient for what only signed distances need: processes must not wait for it."""

    @abstractmethod
    def matrices(self) -> list[Tensor]:
        """Weights between inner layers, for optimisers that take such weights as matrices."""

    def effective_beta(self, step: int) -> float | None:
        """beta of the evidence bound `-log p + beta * KL` at a step.

        None where there is no KL or no likelihood.
        """
        return None

    def noise_variance(self, terms: dict[str, float]) -> float | None:
        """sigma^2 of a Gaussian likelihood, given its loss terms; None for another one."""
        return None
