"""The hexplane codec: six views -> latent -> six planes, by one network."""

import math
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from hexplane.geometry import frame
from hexplane.geometry.modality import CHANNELS, NORMAL, Features
from hexplane.model.bottlenecks import build_bottleneck
from hexplane.model.bottlenecks.kind import BottleneckSettings
from hexplane.model.codec import WHOLE, Batch, Codec, Cube
from hexplane.model.codecs.blocks import contracting, expanding, zeroed
from hexplane.model.codecs.field import SignedDistanceField
from hexplane.model.codecs.hexplane_settings import HexplaneSettings
from hexplane.model.codecs.losses import distance_term
from hexplane.model.images import Images
from hexplane.model.likelihood import build_likelihood
from hexplane.model.settings import CodecSettings, LikelihoodName


class Planes(NamedTuple):
    """Decoded hexplane."""

    values: Tensor  # [B, 6, C, R, R], as the likelihood reads them; normals in object space
    field_input: Tensor  # [B, 6, F, h, w], for the signed-distance field


class Pass(NamedTuple):
    """What a pass through the autoencoder gives."""

    planes: Planes
    latent: Tensor  # [B, 6, c, h, w]
    rate: Tensor  # nats [B, 6, c, h, w]


class HexplaneAutoencoder(Codec):
    """Encoder and decoder shared by the six views, which an embedding tells apart.

    Normals pass through the network in each camera's own axes, so that what is learned in one
    view holds in all of them.

    Args:
        features: what a view shows.
        resolution: R, pixels along a view's side.
        model: sizes.
        bottleneck: what the latent is.
        likelihood: what the decoder's values mean.

    Attributes:
        trunk_dtype: what the residual blocks compute in, if not in their weights' float32. The
            first and the last layers never do: bfloat16 would know depth to 0.004 only.

    Raises:
        ValueError: R is no multiple of the latent resolution times 2^(levels - 1).
    """

    axes: Tensor
    decodes_images = True

    def __init__(
        self,
        features: Features,
        resolution: int,
        model: HexplaneSettings,
        bottleneck: BottleneckSettings,
        likelihood: LikelihoodName = "fitted",
    ) -> None:
        super().__init__()
        self.features = features
        self.resolution = resolution
        self.latent_shape = 6, model.latent_channels, *(model.latent_resolution,) * 2
        self.likelihood = build_likelihood(likelihood, features)
        self.bottleneck = build_bottleneck(bottleneck, self.latent_shape)
        patch = patch_size(resolution, model)
        outer, inner = model.widths[0], model.widths[-1]
        latent = model.latent_channels
        self.encoder_input = nn.Sequential(
            nn.PixelUnshuffle(patch),
            nn.Conv2d(CHANNELS[features] * patch**2, outer, 3, padding=1),
        )
        self.encoder_embedding = nn.Parameter(torch.zeros(6, outer, 1, 1))
        self.encoder = contracting(model.widths, model.encoder_blocks)
        self.encoder_head = nn.Conv2d(inner, latent * self.bottleneck.statistics_per_channel, 1)
        self.decoder_input = nn.Conv2d(latent, inner, 3, padding=1)
        self.decoder_embedding = nn.Parameter(torch.zeros(6, inner, 1, 1))
        self.decoder = expanding(model.widths, model.decoder_blocks)
        self.plane_head = nn.Sequential(
            nn.SiLU(),
            zeroed(nn.Conv2d(outer, self.likelihood.channels * patch**2, 3, padding=1)),
            nn.PixelShuffle(patch),
        )
        self.field_head = nn.Conv2d(outer, model.field_channels, 1)
        self.field = SignedDistanceField(model.field_channels, model.field_width)
        axes = np.stack([frame.RIGHT, frame.UP, frame.TOWARD], axis=1)  # [6, camera, object]
        self.register_buffer("axes", torch.from_numpy(axes).float(), persistent=False)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def statistics(self, views: Tensor) -> Tensor:
        """What the bottleneck makes a latent of, [B, 6, k c, h, w], from views [B, 6, C, R, R]."""
        if self.features in NORMAL:
            first = CHANNELS[self.features] - 3
            views = _turn(views, first, self.axes)
        hidden = self.encoder_input(_images(views))
        with self._trunk(hidden):
            hidden = self.encoder(_embed(hidden, self.encoder_embedding))
        return _views(self.encoder_head(hidden.float()))

    def decode(self, latent: Tensor) -> Planes:
        """Planes of a latent [B, 6, c, h, w]."""
        hidden = self.decoder_input(_images(self.bottleneck.decode(latent)))
        with self._trunk(hidden):
            hidden = self.decoder(_embed(hidden, self.decoder_embedding))
        hidden = hidden.float()
        field_input = _views(self.field_head(hidden))
        values = _views(self.plane_head(hidden))
        if self.features in NORMAL:
            values = _turn(values, self.likelihood.normal_channel, self.axes.mT)
        return Planes(values, field_input)

    def _trunk(self, hidden: Tensor) -> AbstractContextManager[None]:
        if self.trunk_dtype is None:
            return nullcontext()
        return torch.autocast(hidden.device.type, self.trunk_dtype)

    def images(self, planes: Planes) -> Images:
        """What decoded planes show."""
        return self.likelihood.images(planes.values)

    def forward(self, views: Tensor) -> Pass:
        """Planes, latent and rate of views [B, 6, C, R, R]."""
        statistics = self.statistics(views)
        latent = self.bottleneck.encode(statistics)
        return Pass(self.decode(latent), latent, self.bottleneck.rate(statistics))

    def signed_distance(self, planes: Planes, points: Tensor, cube: Cube = WHOLE) -> Tensor:
        """Signed distance [B, N] at points [B, N, 3], canonical units, negative inside.

        The planes show the cube.
        """
        return self.field(planes.field_input, points, cube)

    def loss_terms(self, batch: Batch, distances: bool) -> dict[str, Tensor]:
        """The likelihood's terms, `sdf` where wanted, and the bottleneck's."""
        planes, _, rate = self(batch.views)
        terms = self.likelihood.terms(planes.values, batch.images)
        if distances:
            found = self.signed_distance(planes, batch.points, batch.cube)
            terms["sdf"] = distance_term(found, batch.distance)
        # A quarter of each view's cells stands for all of them.
        return terms | self.bottleneck.loss_terms(rate / batch.cube.half**2)

    def leave_out_distances(self) -> None:
        """No gradient for the field and its input."""
        self.field.requires_grad_(False)
        self.field_head.requires_grad_(False)

    def matrices(self) -> list[Tensor]:
        """The convolutions between inner layers; not the first and last layers, nor the field."""
        edges = {self.encoder_input, self.plane_head, self.field}
        excluded = {id(layer) for edge in edges for layer in edge.modules()}
        return [
            layer.weight
            for layer in self.modules()
            if isinstance(layer, nn.Conv2d) and id(layer) not in excluded
        ]

    def effective_beta(self, step: int) -> float | None:
        """The weight times what the likelihood makes of D, the values of a head.

        A mean KL divides by its dimensions. A training that is shorter than the ramp ends below
        `kl_weight`.
        """
        values = 6 * self.likelihood.channels * self.resolution**2
        factor = self.likelihood.beta_factor(values)
        if factor is None:
            return None
        return self.bottleneck.effective_beta(step, factor, math.prod(self.latent_shape))

    def noise_variance(self, terms: dict[str, float]) -> float | None:
        """The likelihood's."""
        return self.likelihood.noise_variance(terms)


def build(settings: CodecSettings, resolution: int) -> HexplaneAutoencoder:
    """The untrained network of these settings."""
    return HexplaneAutoencoder(
        settings.features,
        resolution,
        cast(HexplaneSettings, settings.model),
        settings.bottleneck,
        settings.likelihood,
    )


def patch_size(resolution: int, settings: HexplaneSettings) -> int:
    """Pixels along a side of the patches that views enter and leave the network as.

    Raises:
        ValueError: R is no multiple of the latent resolution times 2^(levels - 1).
    """
    grid = settings.outer_resolution
    if resolution % grid:
        raise ValueError(
            f"resolution {resolution} is no multiple of {grid} = "
            f"latent_resolution {settings.latent_resolution} * 2^{len(settings.widths) - 1}"
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
