"""Signed-distance field on the sum of three planes' values."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from hexplane.geometry import frame
from hexplane.model.codecs.blocks import zeroed


class PlaneField(nn.Module):
    """Signed distance of points from the planes' values where they project, summed over planes.

    The decoder of Peng et al., Convolutional occupancy networks, ECCV 2020: residual blocks on the
    point, to which each adds what it makes of the sum.

    Args:
        channels: F, values of each plane.
        width: hidden units.
        blocks: residual blocks.
    """

    axes: Tensor

    def __init__(self, channels: int, width: int, blocks: int) -> None:
        super().__init__()
        self.first = nn.Linear(3, width)
        self.seen = nn.ModuleList(nn.Linear(channels, width) for _ in range(blocks))
        self.blocks = nn.ModuleList(_Block(width) for _ in range(blocks))
        self.last = zeroed(nn.Linear(width, 1))  # beyond the truncation nothing would lead back
        # Image right and down of each plane: the order and the signs of grid_sample.
        image_axes = torch.from_numpy(frame.RIGHT[::2]), torch.from_numpy(-frame.UP[::2])
        self.register_buffer("axes", torch.stack(image_axes, 1).float(), persistent=False)

    def sampled(self, planes: Tensor, points: Tensor) -> Tensor:
        """Sum over planes [B, N, F] of their values, bilinear, at points [B, N, 3].

        Args:
            planes: [B, 3, F, h, w], each in the image axes of its pair's first view; they fill the
                faces of the canonical cube.
            points: canonical.
        """
        grid = torch.einsum("bnk,vak->bvna", points, self.axes)  # [B, 3, N, 2]
        values = functional.grid_sample(
            planes.flatten(0, 1),
            grid.flatten(0, 1)[:, None],
            padding_mode="border",
            align_corners=False,
        )  # [B * 3, F, 1, N]
        return values.squeeze(2).unflatten(0, (-1, 3)).sum(dim=1).transpose(1, 2)

    def forward(self, planes: Tensor, points: Tensor) -> Tensor:
        """Signed distances [B, N] in canonical units, negative inside; arguments of `sampled`."""
        sampled = self.sampled(planes, points)
        hidden = self.first(points)
        for seen, block in zip(self.seen, self.blocks, strict=True):
            hidden = block(hidden + seen(sampled))
        distance: Tensor = self.last(functional.relu(hidden))
        return distance.squeeze(-1)


class _Block(nn.Module):
    """x + linear(relu(linear(relu(x)))), the identity before training."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(width, width)
        self.second = zeroed(nn.Linear(width, width))

    def forward(self, hidden: Tensor) -> Tensor:
        made: Tensor = self.second(functional.relu(self.first(functional.relu(hidden))))
        return hidden + made
