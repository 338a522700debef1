"""Editing the latents of codecs that are networks: of six views' codes, or of any other shape."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from hexplane.encoding import encode
from hexplane.extraction import ScalarField, extract, is_empty
from hexplane.geometry import frame
from hexplane.geometry.hexplane import Hexplane
from hexplane.model.saved import SavedModel
from hexplane.plumbing.errors import UserError
from hexplane.rendering.select import select_backend
from hexplane.settings.extract import ExtractSettings
from hexplane.studio.edits import DIRECTIONS, Swap
from hexplane.studio.space import Images, Point, Space, cells_of

MIRRORED = (0, 1, 2, 3, 5, 4)
"""Views whose mirror images the six views of a mirror image are."""


class PlaneSpace(Space):
    """Points are the latents themselves.

    Args:
        saved: the model.
        latents: of heads that the principal directions are those of; none: no directions.
    """

    rate_note = "This codec has one rate: its file is whole or nothing."

    def __init__(self, saved: SavedModel, latents: Sequence[Tensor]) -> None:
        super().__init__(saved)
        shape = self.codec.latent_shape
        self.views = len(shape) == 4 and shape[0] == len(frame.VIEWS)
        self.swap_note = (
            "A part is the view's own code, or the cells of it that you paint."
            if self.views
            else "This codec has no codes of views, so that no part of one can be taken."
        )
        size = int(np.prod(shape))
        self.mean = np.zeros(size, dtype=np.float32)
        self.directions = np.zeros((0, size), dtype=np.float32)
        if latents:
            heads = np.stack([latent.numpy().ravel() for latent in latents]).astype(np.float32)
            self.mean = heads.mean(axis=0)
            self.directions = principal(heads - self.mean)

    def point(self, latent: Tensor) -> Point:
        """Flat."""
        return latent.numpy().astype(np.float32).ravel()

    def latent(self, point: Point) -> Tensor:
        """What a latent file of it says."""
        shaped = torch.from_numpy(point).reshape(self.codec.latent_shape)
        return self.codec.from_layers(self.codec.layers(shaped))

    def mirrored(self, point: Point) -> Point:
        """Decoded, mirrored and encoded again: a network knows of no mirror."""
        field, images = self.decoded(self.latent(point), self.saved.resolution)
        mirror = mirror_image(self._views(field, images))
        return self.point(encode(self.saved, mirror))

    def swapped(self, point: Point, other: Point, swap: Swap) -> Point:
        """With another head's code of a view, or some of its cells."""
        if not self.views:
            raise UserError(self.swap_note)
        view = frame.VIEW_NAMES.index(swap.view)
        made, theirs = (own.reshape(self.codec.latent_shape).copy() for own in (point, other))
        cells = cells_of(swap, *made.shape[2:])
        made[view][:, cells] = theirs[view][:, cells]
        return made.ravel()

    def _views(self, field: ScalarField, images: Images) -> Hexplane:
        if "depth" in images and "normal" in images:
            hit = images["coverage"] >= 0.5
            depth = np.where(hit, images["depth"].clip(0, 1 - 2**-20), np.float32(1))
            return Hexplane(depth.astype(np.float32), images["normal"] * hit[:, None])
        mesh = extract(field, ExtractSettings(resolution=len(field.values))).mesh
        if is_empty(mesh):
            raise UserError("this head has no surface, so that it has no mirror image")
        return select_backend("embree").render(mesh, self.saved.resolution)


def principal(centred: Point, count: int = DIRECTIONS) -> Point:
    """Principal directions [A, D] of rows [H, D], each one standard deviation long."""
    gram = (centred @ centred.T).astype(np.float64)
    values, vectors = np.linalg.eigh(gram)
    kept = [k for k in np.argsort(-values)[:count] if values[k] > 1e-9 * values.max()]
    # Rows u^T X are sqrt(value) long, deviations sqrt(value / H).
    found: Point = (vectors[:, kept] / np.sqrt(len(centred))).T.astype(np.float32) @ centred
    return found


def mirror_image(hexplane: Hexplane) -> Hexplane:
    """The views of a head's mirror image, left for right.

    Columns of each view but the two sides run along x; those of the sides run along z, and change
    places with it.
    """
    depth = hexplane.depth[list(MIRRORED)][..., ::-1]
    normal = hexplane.normal[list(MIRRORED)][..., ::-1].copy()
    normal[:, 0] *= -1
    return Hexplane(np.ascontiguousarray(depth), normal)
