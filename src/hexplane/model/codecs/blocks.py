"""Convolutional parts of the encoder and the decoder."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

from torch import Tensor, nn

Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)


class ResidualBlock(nn.Module):
    """x + conv(silu(conv(silu(x)))), the identity before training."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.SiLU(),
            zeroed(nn.Conv2d(width, width, 3, padding=1)),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Images [M, width, h, w] to the same shape."""
        return images + self.layers(images)


def contracting(widths: Sequence[int], blocks: int) -> nn.Sequential:
    """[M, widths[0], h, w] -> [M, widths[-1], h / 2^(levels - 1), ...], `blocks` a level."""
    layers: list[nn.Module] = _level(widths[0], blocks)
    for outer, inner in pairwise(widths):
        layers += [nn.Conv2d(outer, inner, 2, stride=2), *_level(inner, blocks)]
    return nn.Sequential(*layers)


def expanding(widths: Sequence[int], blocks: int) -> nn.Sequential:
    """The way back: [M, widths[-1], h, w] -> [M, widths[0], h * 2^(levels - 1), ...]."""
    layers: list[nn.Module] = _level(widths[-1], blocks)
    for inner, outer in pairwise(reversed(widths)):
        layers += [nn.Conv2d(inner, 4 * outer, 1), nn.PixelShuffle(2), *_level(outer, blocks)]
    return nn.Sequential(*layers)


def zeroed(layer: Layer) -> Layer:
    """The layer with weights and bias 0."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _level(width: int, blocks: int) -> list[nn.Module]:
    return [ResidualBlock(width) for _ in range(blocks)]
