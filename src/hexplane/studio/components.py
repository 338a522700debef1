"""Editing the latents of `linear` and `layered`: coefficients, a pose, and corrections."""

from functools import cached_property
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hexplane.model import alignment, blocks
from hexplane.model.codecs.layered import HOW, LayeredCodec
from hexplane.model.codecs.linear import LinearCodec
from hexplane.model.coefficients import Coefficients
from hexplane.model.saved import SavedModel
from hexplane.studio.edits import DIRECTIONS, Swap
from hexplane.studio.space import Point, Space, weights_on_grid

TURNED = np.array([1, -1, -1, -1, 1, 1, -1, 1, 1, -1, 1, 1], dtype=np.float32)
"""Signs that a pose's numbers take in a mirror: S B S and S u with S = diag(-1, 1, 1)."""


class ComponentSpace(Space):
    """Points hold coefficients in steps, the pose's numbers and, of `layered`, how corrections are
    coded and their coefficients in finest steps."""

    codec: LinearCodec
    swap_note = (
        "A part is what the view sees, up to the head's middle; this codec has no codes of views, "
        "so the parts are joined as surfaces and encoded anew: as near as its components come."
    )
    rate_note = "The best file of at most so many bytes."

    def __init__(self, saved: SavedModel) -> None:
        super().__init__(saved)
        deviation = cast(Coefficients, self.codec.bottleneck).deviation.numpy()
        self.count = len(deviation)
        self.base = self.count + alignment.NUMBERS
        first = np.argsort(-deviation, kind="stable")[:DIRECTIONS]
        first = first[deviation[first] > 0]
        self.directions = np.zeros((len(first), self.count), dtype=np.float32)
        self.directions[np.arange(len(first)), first] = deviation[first]
        self.mean = np.zeros(self.codec.latent_shape, dtype=np.float32)

    @property
    def layered(self) -> LayeredCodec | None:
        """The codec, where it has corrections."""
        return self.codec if isinstance(self.codec, LayeredCodec) else None

    def point(self, latent: Tensor) -> Point:
        """The integers; those of corrections in finest steps."""
        found: Point = latent.numpy().astype(np.float32)
        if self.layered:
            found[self.base + HOW :] *= 2.0 ** found[self.base]
        return found

    def latent(self, point: Point) -> Tensor:
        """Rounded."""
        made = point.copy()
        if self.layered:
            made[self.base] = made[self.base].round()
            made[self.base + 1] = made[self.base + 1].round()
            made[self.base + HOW :] /= 2.0 ** made[self.base]
        limit = np.iinfo(np.int16).max
        return torch.from_numpy(made.round().clip(-limit, limit) + np.float32(0))

    def mixed(self, points: list[Point], weights: list[float]) -> Point:  # type: ignore[override]
        """The weighted mean; corrections are coded as those of the first head that has some."""
        total = super().mixed(points, weights)
        if self.layered:
            corrected = [p for p in points if p[self.base + HOW :].any()] or points
            total[self.base : self.base + HOW] = corrected[0][self.base : self.base + HOW]
        return total

    def mirrored(self, point: Point) -> Point:
        """By the components' own mirror images; corrections by theirs."""
        made = point.copy()
        turned, offset = self._mirror
        made[: self.count] = turned @ point[: self.count] + offset
        made[self.count : self.base] *= TURNED
        rows = self._rows
        if rows is not None:
            own = point[self.base + HOW :].reshape(-1, blocks.VALUES)
            flipped = blocks.join(own @ rows)[::-1]
            made[self.base + HOW :] = (blocks.split(flipped) @ rows.T).ravel()
        return made

    def swapped(self, point: Point, other: Point, swap: Swap) -> Point:
        """The two fields, joined where the view's part ends, encoded anew."""
        field, theirs = (self._field(own) for own in (point, other))
        weight = weights_on_grid(swap, len(field))
        still = not (self._posed(point) or self._posed(other))
        made = self.codec.nearest(field + weight * (theirs - field), still)
        return self.point(made)

    def smaller(self, latent: Tensor, most: int) -> Tensor:
        """The best latent for the field within a size."""
        still = not self._posed(self.point(latent))
        field = self.codec.decode(latent[None])[0].numpy()
        return self.codec.nearest_within(field, most, still)

    def _posed(self, point: Point) -> bool:
        return bool(point[self.count : self.base].any())

    def _field(self, point: Point) -> NDArray[np.float32]:
        field: NDArray[np.float32] = self.codec.decode(self.latent(point)[None])[0].numpy()
        return field

    @cached_property
    def _rows(self) -> NDArray[np.float32] | None:
        """Orthonormal directions [M, M] of the corrections' blocks."""
        if not self.layered:
            return None
        rows = self.layered.transform.numpy().astype(np.float32)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1)

    @cached_property
    def _mirror(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Coefficients of a mirror image: a matrix [K, K], and what the mean's own adds [K]."""
        size = self.codec.settings.grid
        voxels = self.codec.voxels.numpy()
        place = np.full(size**3, -1, dtype=np.int64)
        place[voxels] = np.arange(len(voxels))
        grid = place.reshape(size, size, size)[::-1].ravel()[voxels]
        there = grid >= 0
        components = self.codec.components
        squares = np.maximum((components**2).sum(axis=0), 1e-12)
        turned = components[there].T @ components[grid[there]] / squares[:, None]
        mean = self.codec.mean.numpy()
        change = mean.reshape(size, size, size)[::-1].ravel()[voxels] - mean[voxels]
        offset = (change @ components) / squares / self.codec.settings.step
        live = cast(Coefficients, self.codec.bottleneck).deviation.numpy() > 0
        return turned.astype(np.float32) * live, (offset * live).astype(np.float32)
