"""The autoencoder: six views -> latent -> six planes."""

from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from hexplane import frame
from hexplane.model.blocks import contracting, expanding, zeroed
from hexplane.model.bottleneck import build_bottleneck
from hexplane.model.field import SignedDistanceField
from hexplane.model.likelihood import Images, build_likelihood
from hexplane.specs.features import NORMAL, Features, Likelihood
from hexplane.specs.model import BottleneckSpec, ModelSpec

INPUT_CHANNELS: dict[Features, int] = {
    "occupancy": 1,
    "depth_normal": 4,
    "dithered": 1,
    "normal": 3,
}


class Planes(NamedTuple):
    """Decoded hexplane."""

    values: Tensor  # [B, 6, C, R, R], as the likelihood reads them; normals in object space
    features: Tensor  # [B, 6, F, h, w], for the signed-distance field


class Reconstruction(NamedTuple):
    """What a pass through the autoencoder gives."""

    planes: Planes
    latent: Tensor  # [B, 6, c, h, w]
    rate: Tensor  # nats [B, 6, c, h, w]


class HexplaneAutoencoder(nn.Module):
    """Encoder and decoder shared by the six views, which an embedding tells apart.

    Normals pass through the network in each camera's own axes, so that what is learned in one
    view holds in all of them.

    Args:
        features: what a view shows.
        resolution: R, pixels along a view's side.
        model_spec: sizes.
        bottleneck_spec: what the latent is.
        likelihood: what the decoder's values mean.

    Attributes:
        trunk_dtype: what the residual blocks compute in, if not in their weights' float32. The
            first and the last layers never do: bfloat16 would know depth to 0.004 only.

    Raises:
        ValueError: R is no multiple of the latent resolution times 2^(levels - 1).
    """

    axes: Tensor
    trunk_dtype: torch.dtype | None = None

    def __init__(
        self,
        features: Features,
        resolution: int,
        model_spec: ModelSpec,
        bottleneck_spec: BottleneckSpec,
        likelihood: Likelihood = "fitted",
    ) -> None:
        super().__init__()
        self.features = features
        self.likelihood = build_likelihood(likelihood, features)
        self.bottleneck = build_bottleneck(bottleneck_spec)
        patch = patch_size(resolution, model_spec)
        outer, inner = model_spec.widths[0], model_spec.widths[-1]
        latent = model_spec.latent_channels
        self.encoder_input = nn.Sequential(
            nn.PixelUnshuffle(patch),
            nn.Conv2d(INPUT_CHANNELS[features] * patch**2, outer, 3, padding=1),
        )
        self.encoder_embedding = nn.Parameter(torch.zeros(6, outer, 1, 1))
        self.encoder = contracting(model_spec.widths, model_spec.encoder_blocks)
        self.encoder_head = nn.Conv2d(inner, latent * self.bottleneck.statistics_per_channel, 1)
        self.decoder_input = nn.Conv2d(latent, inner, 3, padding=1)
        self.decoder_embedding = nn.Parameter(torch.zeros(6, inner, 1, 1))
        self.decoder = expanding(model_spec.widths, model_spec.decoder_blocks)
        self.plane_head = nn.Sequential(
            nn.SiLU(),
            zeroed(nn.Conv2d(outer, self.likelihood.channels * patch**2, 3, padding=1)),
            nn.PixelShuffle(patch),
        )
        self.feature_head = nn.Conv2d(outer, model_spec.field_channels, 1)
        self.field = SignedDistanceField(model_spec.field_channels, model_spec.field_width)
        axes = np.stack([frame.RIGHT, frame.UP, frame.TOWARD], axis=1)  # [6, camera, object]
        self.register_buffer("axes", torch.from_numpy(axes).float(), persistent=False)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def statistics(self, views: Tensor) -> Tensor:
        """What the bottleneck makes a latent of, [B, 6, k c, h, w], from views [B, 6, C, R, R]."""
        if self.features in NORMAL:
            first = INPUT_CHANNELS[self.features] - 3
            views = _turn(views, first, self.axes)
        hidden = self.encoder_input(_images(views))
        with self._trunk(hidden):
            hidden = self.encoder(_embed(hidden, self.encoder_embedding))
        return _views(self.encoder_head(hidden.float()))

    def encode(self, views: Tensor) -> Tensor:
        """Latent [B, 6, c, h, w] of views [B, 6, C, R, R]."""
        return self.bottleneck.encode(self.statistics(views))

    def decode(self, latent: Tensor) -> Planes:
        """Planes of a latent [B, 6, c, h, w]."""
        hidden = self.decoder_input(_images(self.bottleneck.decode(latent)))
        with self._trunk(hidden):
            hidden = self.decoder(_embed(hidden, self.decoder_embedding))
        hidden = hidden.float()
        features = _views(self.feature_head(hidden))
        values = _views(self.plane_head(hidden))
        if self.features in NORMAL:
            values = _turn(values, self.likelihood.normal_channel, self.axes.mT)
        return Planes(values, features)

    def _trunk(self, hidden: Tensor) -> AbstractContextManager[None]:
        if self.trunk_dtype is None:
            return nullcontext()
        return torch.autocast(hidden.device.type, self.trunk_dtype)

    def images(self, planes: Planes) -> Images:
        """What decoded planes show."""
        return self.likelihood.images(planes.values)

    def forward(self, views: Tensor) -> Reconstruction:
        """Planes, latent and rate of views [B, 6, C, R, R]."""
        statistics = self.statistics(views)
        latent = self.bottleneck.encode(statistics)
        return Reconstruction(self.decode(latent), latent, self.bottleneck.rate(statistics))

    def signed_distance(self, planes: Planes, points: Tensor) -> Tensor:
        """Signed distance [B, N] at points [B, N, 3], canonical units, negative inside."""
        return self.field(planes.features, points)


def patch_size(resolution: int, spec: ModelSpec) -> int:
    """Pixels along a side of the patches that views enter and leave the network as.

    Raises:
        ValueError: R is no multiple of the latent resolution times 2^(levels - 1).
    """
    grid = spec.outer_resolution
    if resolution % grid:
        raise ValueError(
            f"resolution {resolution} is no multiple of {grid} = "
            f"latent_resolution {spec.latent_resolution} * 2^{len(spec.widths) - 1}"
        )
    return resolution // grid


def _turn(views: Tensor, first: int, axes: Tensor) -> Tensor:
    """Views [B, 6, C, R, R] with the vectors from channel `first` on times axes [6, 3, 3]."""
    turned = torch.einsum("vck,bvkij->bvcij", axes, views[:, :, first:])
    return torch.cat([views[:, :, :first], turned], dim=2) if first else turned


def _images(views: Tensor) -> Tensor:
    """[B, 6, C, h, w] as [B * 6, C, h, w]."""
    return views.flatten(0, 1).contiguous(memory_format=torch.channels_last)


def _views(images: Tensor) -> Tensor:
    """[B * 6, C, h, w] as [B, 6, C, h, w]."""
    return images.unflatten(0, (-1, 6))


def _embed(images: Tensor, embedding: Tensor) -> Tensor:
    """Images [B * 6, C, h, w] plus each view's vector [6, C, 1, 1]."""
    return images + embedding.repeat(len(images) // 6, 1, 1, 1)
