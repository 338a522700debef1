"""From a mesh or its views to a latent: what the stage and Python users share."""

from typing import Any, NamedTuple

import torch
import trimesh
from torch import Tensor

from hexplane.geometry.features import network_input
from hexplane.geometry.frame import Array
from hexplane.geometry.hexplane import Hexplane
from hexplane.geometry.pose import upright_hint
from hexplane.geometry.solid import canonical_solid
from hexplane.model import latent_file
from hexplane.model.saved import SavedModel
from hexplane.plumbing.errors import UserError
from hexplane.rendering.select import select_backend
from hexplane.settings.normalise import NormaliseSettings


@torch.no_grad()
def encode(saved: SavedModel, hexplane: Hexplane, most: int | None = None) -> Tensor:
    """The most central latent of a hexplane.

    Args:
        saved: the model.
        hexplane: six views.
        most: bytes that the latent's layers may take in its file; the best latent when left out.

    Raises:
        UserError: the model was trained at another resolution, or has no latent as small.
    """
    if most is not None:
        return _within(saved, solve(saved, hexplane), most)
    return saved.codec.encode(_input(saved, hexplane))[0].detach().contiguous()


@torch.no_grad()
def solve(saved: SavedModel, hexplane: Hexplane) -> Any:
    """What `file_within` chooses latents of any size from.

    Raises:
        UserError: the model was trained at another resolution.
    """
    return saved.codec.solve(_input(saved, hexplane))


def file_of(saved: SavedModel, latent: Tensor, source_to_canonical: Array | None) -> bytes:
    """A latent as a latent file (`hexplane.model.latent_file`)."""
    layers = saved.codec.layers(latent)
    return latent_file.pack(saved.weights_hash, source_to_canonical, layers)


def file_within(
    saved: SavedModel, solved: Any, source_to_canonical: Array | None, most: int
) -> bytes:
    """The best latent file of at most so many bytes, its header included.

    Args:
        saved: the model.
        solved: what `solve` found of the head.
        source_to_canonical: transform [4, 4], if the mesh is to return to its own place.
        most: bytes of the file.

    Raises:
        UserError: the model has no latent as small.
    """
    room = most - latent_file.header_bytes(source_to_canonical)
    return file_of(saved, _within(saved, solved, room), source_to_canonical)


def _input(saved: SavedModel, hexplane: Hexplane) -> Tensor:
    if hexplane.resolution != saved.resolution:
        raise UserError(
            f"resolution {hexplane.resolution}, but the model was trained at {saved.resolution}"
        )
    return torch.from_numpy(network_input(hexplane, saved.settings.features))[None]


@torch.no_grad()
def _within(saved: SavedModel, solved: Any, most: int) -> Tensor:
    return saved.codec.within(solved, most)[0].detach().contiguous()


class Views(NamedTuple):
    """Six views of a mesh that came in its own coordinates.

    Attributes:
        source_to_canonical: transform [4, 4].
        hint: why the mesh may not stand upright, or nothing.
    """

    hexplane: Hexplane
    source_to_canonical: Array
    hint: str


def views_of(mesh: trimesh.Trimesh, resolution: int, settings: NormaliseSettings) -> Views:
    """Six views of a mesh in its own coordinates."""
    solid, transform = canonical_solid(mesh, settings.up, settings.close)
    hexplane = select_backend("auto").render(solid.mesh, resolution)
    return Views(hexplane, transform, upright_hint(solid, transform, settings.up))
