"""Signed-distance field on values of the planes."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from hexplane.geometry import frame
from hexplane.model.codec import WHOLE, Cube
from hexplane.model.codecs.blocks import zeroed


class SignedDistanceField(nn.Module):
    """Signed distance of points from the planes' values where they project into the six views.

    Args:
        channels: F, values of each plane.
        width: hidden units of the MLP.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(6 * channels + 3, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            zeroed(nn.Linear(width, 1)),  # beyond the truncation nothing would lead back
        )
        # Image right and down of each view: the order and the signs of grid_sample.
        image_axes = torch.from_numpy(frame.RIGHT), torch.from_numpy(-frame.UP)
        self.register_buffer("axes", torch.stack(image_axes, 1).float(), persistent=False)

    def forward(self, planes: Tensor, points: Tensor, cube: Cube = WHOLE) -> Tensor:
        """Signed distances [B, N] in canonical units, negative inside.

        Args:
            planes: [B, 6, F, h, w], which fill the faces of the cube.
            points: [B, N, 3], canonical.
            cube: what the planes show.
        """
        batch, views, channels = planes.shape[:3]
        within = (points - points.new_tensor(cube.centre)) / cube.half
        grid = torch.einsum("bnk,vak->bvna", within, self.axes)  # [B, 6, N, 2]
        sampled = functional.grid_sample(
            planes.flatten(0, 1),
            grid.flatten(0, 1)[:, None],
            padding_mode="border",
            align_corners=False,
        )  # [B * 6, F, 1, N]
        stacked = sampled.reshape(batch, views * channels, -1).transpose(1, 2)
        return self.mlp(torch.cat([stacked, points], dim=-1)).squeeze(-1)
