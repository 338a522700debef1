"""Crops that fit together: what six views show of a part of the canonical cube."""

import torch
from torch import Tensor

from hexplane.geometry import frame
from hexplane.model.codec import WHOLE, Cube

HALF = 0.5
"""Of a crop's side, in canonical units: an eighth of the cube, a quarter of each view."""


def drawn_cube(cells: int) -> Cube:
    """A crop anywhere in the canonical cube, along the cells of a latent grid.

    Args:
        cells: of the grid along a view's side; an even number.
    """
    moves = torch.randint(cells // 2 + 1, (3,))
    x, y, z = (-HALF + moves * 2 / cells).tolist()
    return Cube((x, y, z), HALF)


def cropped(images: Tensor, cube: Cube) -> Tensor:
    """What views [B, 6, ..., R, R] show of a cube: [B, 6, ..., R half, R half]."""
    if cube == WHOLE:
        return images
    side = images.shape[-1]
    size = round(side * cube.half)
    views = []
    for view, right, up in zip(images.unbind(1), frame.RIGHT, frame.UP, strict=True):
        across, down = float(right @ cube.centre), -float(up @ cube.centre)
        column, row = (round((place - cube.half + 1) / 2 * side) for place in (across, down))
        views.append(view[..., row : row + size, column : column + size])
    return torch.stack(views, 1)


def samples_within(points: Tensor, cube: Cube, count: int) -> Tensor:
    """Samples [B, count], by index, of points [B, N, 3] that lie in a cube; any where none does.

    A head's samples do not depend on which others are in the batch.
    """
    inside = (points - points.new_tensor(cube.centre)).abs().amax(dim=-1) <= cube.half
    inside |= ~inside.any(dim=1, keepdim=True)
    ranks = inside.cumsum(dim=1)
    wanted = torch.rand(count).to(points.device) * ranks[:, -1:]
    return torch.searchsorted(ranks, wanted.long() + 1)
