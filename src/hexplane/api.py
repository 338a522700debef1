"""The Python interface: a trained codec, six views, and measures, without a workflow."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import trimesh
from numpy.typing import NDArray

from hexplane.decoding import decode, read_latent_file, suited
from hexplane.drawing import draw
from hexplane.encoding import encode, file_of, views_of
from hexplane.geometry import frame
from hexplane.geometry.hexplane import Hexplane
from hexplane.geometry.meshes import load_mesh, moved
from hexplane.geometry.solid import canonical_solid
from hexplane.geometry.welding import usable
from hexplane.metrics.comparison import compare
from hexplane.model import latent_file
from hexplane.model.saved import SavedModel, load_model
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.parse import checked
from hexplane.plumbing.settings import Settings
from hexplane.settings.draw import DrawSettings
from hexplane.settings.evaluate import EvaluateSettings
from hexplane.settings.extract import ExtractSettings
from hexplane.settings.normalise import NormaliseSettings
from hexplane.settings.render import RenderSettings

S = TypeVar("S", bound=Settings)
Mesh = trimesh.Trimesh | str | Path
"""A mesh, or the path of a mesh file (OBJ, PLY, STL, GLB, OFF)."""


@dataclass(frozen=True)
class Latent:
    """What a codec makes of a head.

    Attributes:
        values: float32, in the codec's own shape; [6, c, h, w] for the hexplane codec.
        source_to_canonical: transform [4, 4] from the head's own coordinates into the canonical
            cube.
    """

    values: NDArray[np.float32]
    source_to_canonical: NDArray[np.float64]


class TrainedCodec:
    """A trained codec: `hexplane.load` makes it."""

    def __init__(self, saved: SavedModel) -> None:
        self._saved = saved

    @property
    def resolution(self) -> int:
        """R, pixels along the side of each view that goes in."""
        return self._saved.resolution

    def encode(self, mesh: Mesh, up: frame.UpAxis = "y", max_bytes: int | None = None) -> Latent:
        """The most central latent of a head, or the best one that `pack` makes so few bytes of.

        Args:
            mesh: in its own coordinates and units.
            up: axis that points up in it; `y` (with +z front) or `z` (with -y front).
            max_bytes: of the latent file that `pack` makes.

        Raises:
            UserError: the file is no usable mesh, a setting is unknown or out of range, or no
            latent of this codec is as small.
        """
        settings = _settings(NormaliseSettings, up=up)
        hexplane, transform, _ = views_of(_mesh(mesh), self.resolution, settings)
        most = None if max_bytes is None else max_bytes - latent_file.header_bytes(transform)
        return Latent(encode(self._saved, hexplane, most).numpy(), np.asarray(transform))

    def draw(self, count: int, seed: int = 0, temperature: float = 0.8) -> list[Latent]:
        """Latents of new heads, from what this codec knows of those that it learned from.

        Args:
            count: how many; those of a smaller count come first.
            seed: of the draws.
            temperature: 1 draws from the prior itself, less draws more typical heads, 0 the most
                typical one alone.

        Raises:
            UserError: the model has no prior to draw from, or a setting is out of range.
        """
        asked = _settings(DrawSettings, count=count, seed=seed, temperature=temperature)
        made = draw(self._saved, asked.count, asked.seed, asked.temperature)
        return [Latent(own.numpy(), np.eye(4)) for own in made]

    def decode(self, latent: Latent, canonical: bool = False, **settings: Any) -> trimesh.Trimesh:
        """The mesh that a latent stands for; without faces where its field has no surface.

        Args:
            latent: of this codec.
            canonical: stay in the canonical cube, instead of the head's own coordinates.
            settings: of the extraction, where they differ from the defaults: `resolution`,
                `level`, `islands`, `field` (`fusion`, where the codec decodes views, or `sdf`).

        Raises:
            UserError: the latent has another shape than this codec's, or is not finite, its
            transform is none, or a setting is unknown or out of range.
        """
        shape = tuple(latent.values.shape)
        if shape != self._saved.codec.latent_shape:
            raise UserError(
                f"latent of shape {list(shape)} (allowed: {list(self._saved.codec.latent_shape)})"
            )
        if self._saved.finite and not np.isfinite(latent.values).all():
            raise UserError("latent with NaN or infinity (allowed: finite numbers)")
        transform = frame.checked_transform(latent.source_to_canonical, "latent")
        values = torch.from_numpy(np.ascontiguousarray(latent.values, dtype=np.float32))
        chosen = suited(_settings(ExtractSettings, **settings), self._saved.codec)
        mesh = decode(self._saved.codec, values, chosen).extraction.mesh
        if canonical or transform is None:
            return mesh
        return moved(mesh, np.linalg.inv(transform))

    def pack(self, latent: Latent) -> bytes:
        """A latent as a latent file, `.hxl`: its layers of code, and the head's place."""
        values = torch.from_numpy(np.ascontiguousarray(latent.values))
        return file_of(self._saved, values, latent.source_to_canonical)

    def unpack(self, packed: bytes) -> Latent:
        """The latent that `pack` made these bytes of; a coarser one where they end at a layer.

        Raises:
            UserError: the bytes are damaged, or another model's.
        """
        values, transform = read_latent_file(packed, self._saved, "latent file")
        return Latent(
            values.numpy(), np.eye(4) if transform is None else np.asarray(transform, np.float64)
        )


def load(folder: str | Path) -> TrainedCodec:
    """The trained codec in a model's folder, for example results/default/models/ae-depth-normal.

    Raises:
        UserError: the folder holds no model, or one that does not fit this version.
    """
    return TrainedCodec(load_model(Path(folder)))


def render(mesh: Mesh, resolution: int, up: frame.UpAxis = "y") -> Hexplane:
    """The six views of a mesh in its own coordinates, which is normalised first.

    Args:
        mesh: in its own coordinates and units.
        resolution: R, pixels along a view's side.
        up: axis that points up in it.

    Raises:
        UserError: the file is no usable mesh, or a setting is unknown or out of range.
    """
    size = _settings(RenderSettings, resolution=resolution).resolution
    return views_of(_mesh(mesh), size, _settings(NormaliseSettings, up=up)).hexplane


def evaluate(
    mesh: Mesh, reference: Mesh, up: frame.UpAxis = "y", **settings: Any
) -> dict[str, Any]:
    """How near a mesh is to its reference: every metric of `hexplane.metrics.table` by name.

    Args:
        mesh: the mesh to judge, in the coordinates of its reference.
        reference: the mesh that it stands for; distances are in its canonical units.
        up: axis that points up in both.
        settings: of the measurement, where they differ from the defaults: `samples`,
            `thresholds`, `seed`.

    Raises:
        UserError: a file is no usable mesh, or a setting is unknown or out of range.
    """
    chosen = _settings(EvaluateSettings, **settings)
    solid, transform = canonical_solid(_mesh(reference), up, close=True)
    judged = mesh if isinstance(mesh, trimesh.Trimesh) else load_mesh(Path(mesh))
    measured = chosen.samples, chosen.thresholds, chosen.seed
    return compare(moved(judged, transform), solid.mesh, *measured, source_faces=solid.source_faces)


def _settings(kind: type[S], **values: Any) -> S:
    """Settings of a kind.

    Raises:
        UserError: one line for each value that is unknown or out of range.
    """
    return checked(kind, values)


def _mesh(mesh: Mesh) -> trimesh.Trimesh:
    """A welded mesh.

    Raises:
        UserError: the file is no usable mesh, or the mesh has no faces.
    """
    if not isinstance(mesh, trimesh.Trimesh):
        return load_mesh(Path(mesh))
    return usable(mesh, "the mesh")
