"""A U-Net of residual blocks.

Ronneberger, Fischer and Brox, U-Net: convolutional networks for biomedical image segmentation,
MICCAI 2015.
"""

import torch
from torch import Tensor, nn

from hexplane.model.codecs.blocks import ResidualBlock


class UNet(nn.Module):
    """Images and what a grid of half the size with twice the channels says of them.

    Args:
        width: channels of the first level.
        depth: levels.
    """

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.before = ResidualBlock(width)
        self.below: nn.Module | None = None
        if depth > 1:
            self.below = nn.Sequential(
                nn.Conv2d(width, 2 * width, 2, stride=2),
                UNet(2 * width, depth - 1),
                nn.Conv2d(2 * width, 4 * width, 1),
                nn.PixelShuffle(2),
            )
            self.joined = nn.Conv2d(2 * width, width, 1)
            self.after = ResidualBlock(width)

    def forward(self, images: Tensor) -> Tensor:
        """Images [M, width, h, w] to the same shape; h, w are multiples of 2^(depth - 1)."""
        here: Tensor = self.before(images)
        if self.below is None:
            return here
        seen: Tensor = self.after(self.joined(torch.cat([here, self.below(here)], dim=1)))
        return seen
