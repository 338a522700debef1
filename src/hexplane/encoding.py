"""From a mesh or its views to a latent: what the stage and Python users share."""

import torch
import trimesh
from torch import Tensor

from hexplane.geometry.features import network_input
from hexplane.geometry.frame import Array
from hexplane.geometry.hexplane import Hexplane
from hexplane.geometry.solid import canonical_solid
from hexplane.model.saved import SavedModel
from hexplane.plumbing.errors import UserError
from hexplane.rendering.select import select_backend
from hexplane.settings.normalise import NormaliseSettings


@torch.no_grad()
def encode(saved: SavedModel, hexplane: Hexplane) -> Tensor:
    """The most central latent of a hexplane.

    Raises:
        UserError: the model was trained at another resolution.
    """
    if hexplane.resolution != saved.resolution:
        raise UserError(
            f"resolution {hexplane.resolution}, but the model was trained at {saved.resolution}"
        )
    views = torch.from_numpy(network_input(hexplane, saved.settings.features))
    return saved.codec.encode(views[None])[0].detach().contiguous()


def views_of(
    mesh: trimesh.Trimesh, resolution: int, settings: NormaliseSettings
) -> tuple[Hexplane, Array]:
    """Six views of a mesh in its own coordinates, and its source-to-canonical transform [4, 4]."""
    solid, transform = canonical_solid(mesh, settings.up, settings.close)
    return select_backend("auto").render(solid.mesh, resolution), transform
