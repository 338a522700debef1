"""Where heads are edited: what can be done with the latents of a codec, whatever it is.

A point [D] is a latent as plain float32 numbers in which mixing makes sense; `latent` turns any
point into the nearest latent that the codec's files can hold.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hexplane.decoding import images_by_name
from hexplane.extraction import ScalarField, fused, signed
from hexplane.geometry import frame
from hexplane.model.latent_file import LAYER_BYTES
from hexplane.model.saved import SavedModel
from hexplane.plumbing.errors import UserError
from hexplane.settings.extract import ExtractSettings
from hexplane.studio.edits import Swap

Point = NDArray[np.float32]
Images = dict[str, NDArray[np.float32]]
FRONT = 0.15
"""Canonical units over which a swapped part goes over into the rest."""


class Space(ABC):
    """The latents of a model as points.

    Attributes:
        mean: [D], what the prior's mean is.
        directions: [A, d], the first d numbers of the principal directions, one deviation long;
            all others are 0.
        swap_note: what a swapped part is, in one sentence.
        rate_note: what the rate slider does, in one sentence.
    """

    mean: Point
    directions: NDArray[np.float32]
    swap_note: str
    rate_note: str

    def __init__(self, saved: SavedModel) -> None:
        self.saved = saved
        self.codec = saved.codec

    @abstractmethod
    def point(self, latent: Tensor) -> Point:
        """A latent as a point."""

    @abstractmethod
    def latent(self, point: Point) -> Tensor:
        """The latent nearest to a point."""

    @abstractmethod
    def mirrored(self, point: Point) -> Point:
        """Of the mirror image, left for right."""

    @abstractmethod
    def swapped(self, point: Point, other: Point, swap: Swap) -> Point:
        """With what a view sees of another head."""

    def smaller(self, latent: Tensor, most: int) -> Tensor:
        """The best latent for the same head whose layers fit so many bytes.

        Raises:
            UserError: there is none.
        """
        needed = sum(len(layer) + LAYER_BYTES for layer in self.codec.layers(latent))
        raise UserError(f"this codec has one rate, of {needed} bytes (allowed here: {most})")

    def mixed(self, points: Sequence[Point], weights: Sequence[float]) -> Point:
        """The weighted mean."""
        total = np.zeros_like(points[0])
        for point, weight in zip(points, weights, strict=True):
            total += np.float32(weight) * point
        return total

    def along(self, point: Point, amounts: Sequence[float]) -> Point:
        """Moved along the first principal directions, in standard deviations."""
        moved = point.copy()
        count = min(len(amounts), len(self.directions))
        size = self.directions.shape[1]
        moved[:size] += np.asarray(amounts[:count], dtype=np.float32) @ self.directions[:count]
        return moved

    @torch.no_grad()
    def decoded(self, latent: Tensor, resolution: int) -> tuple[ScalarField, Images]:
        """The field of a latent, and the images that it was fused from, where there are any."""
        made = self.codec.decode(latent[None])
        if not self.codec.decodes_images:
            return signed(self.codec.grid(made, resolution)), {}
        images = images_by_name(self.codec.images(made))
        settings = ExtractSettings(resolution=resolution)
        coverage, depth = images["coverage"], images.get("depth")
        return fused(coverage, depth, images.get("normal"), settings), images


def weights_on_grid(swap: Swap, resolution: int) -> NDArray[np.float32]:
    """How much of another head a swap takes at each voxel [N, N, N], from 0 to 1.

    All that lies on the view's side of the cube's middle; of painted spots what lies under them.
    """
    view = frame.VIEW_NAMES.index(swap.view)
    axis = frame.voxel_centres(resolution)
    grid = frame.grid_points(axis)
    weight = _smooth(0.5 + (grid @ frame.TOWARD[view]) / FRONT)
    if swap.spots:
        right, up = grid @ frame.RIGHT[view], grid @ frame.UP[view]
        painted = np.zeros(len(grid))
        for spot in swap.spots:
            away = np.hypot(right - spot.right, up - spot.up)
            np.maximum(painted, _smooth((spot.radius - away) / FRONT + 0.5), out=painted)
        weight *= painted
    return weight.reshape((resolution,) * 3).astype(np.float32)


def cells_of(swap: Swap, height: int, width: int) -> NDArray[np.bool_]:
    """Cells [h, w] of a view's code that a swap takes: all, or those under painted spots."""
    if not swap.spots:
        return np.ones((height, width), dtype=bool)
    right, _ = frame.pixel_centres(width)
    _, up = frame.pixel_centres(height)
    found = np.zeros((height, width), dtype=bool)
    for spot in swap.spots:
        found |= np.hypot(right[None] - spot.right, up[:, None] - spot.up) <= spot.radius
    return found


def _smooth(share: NDArray[np.floating]) -> NDArray[np.floating]:
    """Hermite's step."""
    clipped = np.clip(share, 0, 1)
    return clipped * clipped * (3 - 2 * clipped)
