"""From a latent to a mesh: what extraction, interpolation, diagnostics and Python users share."""

from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hexplane.extraction import Extraction, extract, from_views, signed
from hexplane.geometry import frame
from hexplane.model import latent_file
from hexplane.model.codec import Codec
from hexplane.model.images import Images
from hexplane.model.saved import SavedModel
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import read_bytes
from hexplane.settings.extract import ExtractSettings
from hexplane.store import read_attributes, read_latent, read_transform

S = TypeVar("S", bound=ExtractSettings)


class Decoded(NamedTuple):
    """What one latent stands for."""

    images: dict[str, NDArray[np.float32]]  # as `images_by_name` names them
    extraction: Extraction


def suited(settings: S, codec: Codec) -> S:
    """Settings with the field as asked for; where none was, the codec's own if it has no views."""
    if codec.decodes_images or "field" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"field": "sdf"})


@torch.no_grad()
def decode(codec: Codec, latent: Tensor, settings: ExtractSettings) -> Decoded:
    """From one latent to its images, field and mesh.

    Raises:
        UserError: a mesh is to be fused from views, and the codec decodes none.
    """
    decoded = codec.decode(latent[None])
    images = images_by_name(codec.images(decoded)) if codec.decodes_images else {}
    return Decoded(images, _extraction(codec, decoded, images, settings))


def images_by_name(images: Images) -> dict[str, NDArray[np.float32]]:
    """One head's decoded images: coverage [6, R, R]; depth and normal where decoded."""
    found = images._asdict().items()
    return {name: image[0].cpu().numpy() for name, image in found if image is not None}


def _extraction(
    codec: Codec, decoded: Any, images: dict[str, NDArray[np.float32]], settings: ExtractSettings
) -> Extraction:
    if settings.field == "sdf":
        return extract(signed(codec.grid(decoded, settings.resolution)), settings)
    if not images:
        raise UserError("field: fusion needs views, and this codec decodes none (allowed: sdf)")
    return from_views(images["coverage"], images.get("depth"), images.get("normal"), settings)


def read_own_latent(
    path: Path, saved: SavedModel, model: Path
) -> tuple[Tensor, frame.Array | None]:
    """A latent in a latent file or a store, and its source-to-canonical transform if it has one.

    Raises:
        UserError: it is damaged, or another model than that in the folder `model` made it.
    """
    if path.suffix == latent_file.SUFFIX:
        return read_latent_file(read_bytes(path), saved, str(path))
    if read_attributes(path).get("model") != saved.weights_hash:
        raise UserError(f"{path}: encoded by another model than {model}")
    transform = read_transform(path)
    values = read_latent(path, saved.codec.latent_shape, finite=saved.finite)
    return torch.from_numpy(values), transform


def read_latent_file(
    data: bytes, saved: SavedModel, name: str
) -> tuple[Tensor, frame.Array | None]:
    """The latent in a file's bytes, and its source-to-canonical transform [4, 4] if it has one.

    Args:
        data: the file's bytes.
        saved: the model.
        name: what to call the file.

    Raises:
        UserError: it is damaged, holds NaN or infinity, or another model made it.
    """
    found = latent_file.unpack(data, name)
    if not saved.weights_hash.startswith(found.model):
        raise UserError(f"{name}: encoded by another model, {found.model}")
    try:
        latent = saved.codec.from_layers(found.layers)
    except ValueError as error:
        raise UserError(f"{name}: not this model's code ({error})") from None
    if saved.finite and not bool(torch.isfinite(latent).all()):
        raise UserError(f"{name}: holds NaN or infinity (allowed: finite numbers)")
    return latent, found.source_to_canonical
