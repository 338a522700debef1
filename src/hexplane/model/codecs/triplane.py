"""The triplane codec: six views -> latent of three planes -> signed distances, by one network."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from hexplane.geometry import frame
from hexplane.geometry.modality import CHANNELS, NORMAL, Features
from hexplane.model.bottlenecks import build_bottleneck
from hexplane.model.bottlenecks.kind import BottleneckSettings
from hexplane.model.codec import Batch, Codec
from hexplane.model.codecs.blocks import contracting
from hexplane.model.codecs.losses import distance_term
from hexplane.model.codecs.plane_field import PlaneField
from hexplane.model.codecs.triplane_settings import TriplaneSettings
from hexplane.model.codecs.unet import UNet
from hexplane.model.images import Images
from hexplane.model.settings import CodecSettings

PLANES = 3
"""Pairs of opposite views: a plane takes the image axes of its pair's first view."""


class TriplaneAutoencoder(Codec):
    """Encoder and decoder shared by the three planes, which an embedding tells apart.

    Opposite views lie on one plane, the second as the first camera would see it through the head;
    normals enter in the first camera's axes. The latent becomes planes by a U-Net, and a field
    reads their sum (Peng et al., Convolutional occupancy networks, ECCV 2020).

    Args:
        features: what a view shows.
        resolution: R, pixels along a view's side.
        model: sizes.
        bottleneck: what the latent is.

    Raises:
        ValueError: the sizes do not fit R.
    """

    axes: Tensor
    decodes_images = False

    def __init__(
        self,
        features: Features,
        resolution: int,
        model: TriplaneSettings,
        bottleneck: BottleneckSettings,
    ) -> None:
        super().__init__()
        misfit = model.misfit(resolution)
        if misfit:
            raise ValueError(misfit)
        self.features = features
        self.latent_shape = PLANES, model.latent_channels, *(model.latent_resolution,) * 2
        self.bottleneck = build_bottleneck(bottleneck, self.latent_shape)
        patch = resolution // model.outer_resolution
        outer, inner = model.widths[0], model.widths[-1]
        latent, width = model.latent_channels, model.plane_channels
        self.encoder_input = nn.Sequential(
            nn.PixelUnshuffle(patch),
            nn.Conv2d(2 * CHANNELS[features] * patch**2, outer, 3, padding=1),
        )
        self.encoder_embedding = nn.Parameter(torch.zeros(PLANES, outer, 1, 1))
        self.encoder = contracting(model.widths, model.encoder_blocks)
        self.encoder_head = nn.Conv2d(inner, latent * self.bottleneck.statistics_per_channel, 1)
        self.decoder_input = nn.Sequential(
            nn.Conv2d(latent, width, 3, padding=1),
            nn.Upsample((model.plane_resolution,) * 2, mode="bilinear"),
        )
        self.decoder_embedding = nn.Parameter(torch.zeros(PLANES, width, 1, 1))
        self.decoder = UNet(width, model.unet_depth)
        self.decoder_head = nn.Conv2d(width, width, 1)
        self.field = PlaneField(width, model.field_width, model.field_blocks)
        axes = np.stack([frame.RIGHT, frame.UP, frame.TOWARD], axis=1)[::2]  # [3, camera, object]
        self.register_buffer("axes", torch.from_numpy(axes).float(), persistent=False)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def statistics(self, views: Tensor) -> Tensor:
        """What the bottleneck makes a latent of, [B, 3, k c, h, w], from views [B, 6, C, R, R]."""
        first = CHANNELS[self.features] - 3 if self.features in NORMAL else None
        hidden = self.encoder_input(_images(paired(views, first, self.axes)))
        with self._trunk(hidden):
            hidden = self.encoder(_embed(hidden, self.encoder_embedding))
        statistics: Tensor = self.encoder_head(hidden.float())
        return statistics.unflatten(0, (-1, PLANES))

    def decode(self, latent: Tensor) -> Tensor:
        """Planes [B, 3, F, h, w] of a latent [B, 3, c, h, w]."""
        hidden = self.decoder_input(_images(self.bottleneck.decode(latent)))
        with self._trunk(hidden):
            hidden = self.decoder(_embed(hidden, self.decoder_embedding))
        planes: Tensor = self.decoder_head(hidden.float())
        return planes.unflatten(0, (-1, PLANES))

    def _trunk(self, hidden: Tensor) -> AbstractContextManager[None]:
        if self.trunk_dtype is None:
            return nullcontext()
        return torch.autocast(hidden.device.type, self.trunk_dtype)

    def images(self, decoded: Any) -> Images:
        """It decodes none.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("this codec decodes no views")

    def signed_distance(self, planes: Tensor, points: Tensor) -> Tensor:
        """Signed distance [B, N] at points [B, N, 3], canonical units, negative inside."""
        distance: Tensor = self.field(planes, points)
        return distance

    def loss_terms(self, batch: Batch, distances: bool) -> dict[str, Tensor]:
        """`sdf` where wanted, and the bottleneck's."""
        statistics = self.statistics(batch.views)
        terms = {}
        if distances:
            planes = self.decode(self.bottleneck.encode(statistics))
            terms["sdf"] = distance_term(self.signed_distance(planes, batch.points), batch.distance)
        return terms | self.bottleneck.loss_terms(self.bottleneck.rate(statistics))

    def matrices(self) -> list[Tensor]:
        """The convolutions between inner layers; not the first and last layers, nor the field."""
        edges = self.encoder_input, self.decoder_head, self.field
        excluded = {id(layer) for edge in edges for layer in edge.modules()}
        return [
            layer.weight
            for layer in self.modules()
            if isinstance(layer, nn.Conv2d) and id(layer) not in excluded
        ]


def build(settings: CodecSettings, resolution: int) -> TriplaneAutoencoder:
    """The untrained network of these settings."""
    model = cast(TriplaneSettings, settings.model)
    return TriplaneAutoencoder(settings.features, resolution, model, settings.bottleneck)


def paired(views: Tensor, first: int | None, axes: Tensor) -> Tensor:
    """Views [B, 6, C, R, R] as planes [B, 3, 2 C, R, R]: each pair in its first view's axes.

    Args:
        views: of object-space normals, where they have some.
        first: channel at which normals begin; None: there are none.
        axes: [3, camera, object] of the first views.
    """
    opposite = [_flipped(views[:, front + 1], front) for front in range(0, 6, 2)]
    pairs = torch.stack([views[:, ::2], torch.stack(opposite, dim=1)], dim=2)  # [B, 3, 2, C, R, R]
    if first is not None:
        turned = torch.einsum("vck,bvpkij->bvpcij", axes, pairs[:, :, :, first:])
        pairs = torch.cat([pairs[:, :, :, :first], turned], dim=3)
    return pairs.flatten(2, 3)


def _flipped(images: Tensor, front: int) -> Tensor:
    """Images [..., R, R] of the view opposite to view `front`, as that one's camera sees them."""
    turned = frame.UP[front] @ frame.UP[front + 1] < 0
    return images.flip(-2 if turned else -1)


def _images(planes: Tensor) -> Tensor:
    """[B, 3, C, h, w] as [B * 3, C, h, w]."""
    return planes.flatten(0, 1).contiguous(memory_format=torch.channels_last)


def _embed(images: Tensor, embedding: Tensor) -> Tensor:
    """Images [B * 3, C, h, w] plus each plane's vector [3, C, 1, 1]."""
    return images + embedding.repeat(len(images) // PLANES, 1, 1, 1)
