"""The model that a studio serves, and the heads of its study."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import trimesh
from numpy.typing import NDArray
from torch import Tensor

from hexplane.decoding import read_latent_file
from hexplane.encoding import encode, file_of
from hexplane.geometry import frame
from hexplane.geometry.hexplane import Hexplane
from hexplane.geometry.meshes import load_mesh, read_mesh
from hexplane.geometry.solid import canonical_solid
from hexplane.model import latent_file
from hexplane.model.codecs.linear import LinearCodec
from hexplane.model.saved import SavedModel, load_model
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import read_bytes, sha256
from hexplane.plumbing.paths import CONFIG, RESULTS, WEIGHTS, Layout
from hexplane.plumbing.splits import read_split
from hexplane.rendering.select import select_backend
from hexplane.store import read_hexplane, read_transform
from hexplane.studio.components import ComponentSpace
from hexplane.studio.edits import Head, head
from hexplane.studio.planes import PlaneSpace
from hexplane.studio.space import Space

ENCODED = 64
"""Training heads that a network's principal directions are taken from."""
KEPT = 16
"""Heads that are kept encoded."""
SHOWN_FACES = 150_000
"""Of an original on the screen."""
COARSE = 32
"""Pixels along a side of the views by which heads are compared."""

Said = Callable[[str], None]


class Loaded(NamedTuple):
    """A head that was read.

    Attributes:
        head: its latent file.
        mesh: the original in the canonical cube; None of a latent file.
        views: of the original, likewise.
    """

    head: Head
    mesh: trimesh.Trimesh | None
    views: Hexplane | None


class Library:
    """A model and its study's heads.

    Args:
        folder: of the model.

    Raises:
        UserError: the folder holds no model, or one that does not fit this version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.saved: SavedModel = load_model(folder)
        self.layout = Layout(folder.parent.parent)
        self._kept: OrderedDict[str, Loaded] = OrderedDict()
        self._lock = threading.Lock()

    @cached_property
    def heads(self) -> dict[str, str]:
        """Name and group (train, validation, test, or other) of each head with views."""
        root = Path(self.layout.hexplanes)
        found = sorted(store.stem for store in root.glob("*.zarr")) if root.is_dir() else []
        groups = {name: "train" for name in self.saved.trained_on}
        if Path(self.layout.split).is_file():
            split = read_split(Path(self.layout.split))
            groups |= {name: group for group, names in split.items() for name in names}
        return {name: groups.get(name, "other") for name in found}

    @property
    def training(self) -> list[str]:
        """Training heads with views."""
        return [name for name in self.saved.trained_on if name in self.heads]

    @cached_property
    def space(self) -> Space:
        """Where its heads are edited."""
        if isinstance(self.saved.codec, LinearCodec):
            return ComponentSpace(self.saved)
        return PlaneSpace(self.saved, [self._latent(name) for name in self.training[:ENCODED]])

    def _latent(self, name: str) -> Tensor:
        return encode(self.saved, read_hexplane(Path(self.layout.hexplane.format(mesh=name))))

    def first(self) -> Loaded:
        """A head to begin with: one of the test heads, any other, or the prior's mean."""
        ranked = sorted(self.heads, key=lambda name: self.heads[name] != "test")
        if ranked:
            return self.study_head(ranked[0])
        mean = self.space.latent(self.space.mean)
        return Loaded(head("mean head", file_of(self.saved, mean, None)), None, None)

    def study_head(self, name: str) -> Loaded:
        """A head of the study, by its stored views.

        Raises:
            UserError: there is no such head, or its files are damaged.
        """
        if name not in self.heads:
            raise UserError(f"{name}: no head of this study")
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
        store = Path(self.layout.hexplane.format(mesh=name))
        views = read_hexplane(store)
        file = file_of(self.saved, encode(self.saved, views), read_transform(store))
        mesh = Path(self.layout.mesh.format(mesh=name))
        solid = read_mesh(mesh) if mesh.is_file() else None
        made = Loaded(head(name, file), solid, views)
        with self._lock:
            self._kept[name] = made
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return made

    def read(self, path: Path, up: frame.UpAxis, say: Said = lambda _: None) -> Loaded:
        """A mesh file or a latent file.

        Args:
            path: the file.
            up: axis that points up in a mesh file.
            say: told what is done, as it takes its time.

        Raises:
            UserError: it is neither, damaged, or a latent of another model.
        """
        if path.suffix.lower() == latent_file.SUFFIX:
            data = read_bytes(path)
            read_latent_file(data, self.saved, path.name)
            return Loaded(head(path.stem, data), None, None)
        say("Reading")
        mesh = load_mesh(path)
        say(f"Closing and turning {len(mesh.faces):,} faces")
        solid, transform = canonical_solid(mesh, up, close=True)
        say("Rendering six views")
        views = select_backend("embree").render(solid.mesh, self.saved.resolution)
        say("Encoding")
        file = file_of(self.saved, encode(self.saved, views), transform)
        return Loaded(head(path.stem, file), solid.mesh, views)

    def nearest(self, views: Hexplane) -> tuple[str, float] | None:
        """The training head whose six views are nearest, and the mean difference of depth in
        canonical units."""
        names, known = self._coarse
        if not names:
            return None
        apart = np.abs(known - _coarse(views)).mean(axis=(1, 2, 3)) * 2
        return names[int(apart.argmin())], float(apart.min())

    @cached_property
    def _coarse(self) -> tuple[list[str], NDArray[np.float32]]:
        names = self.training
        stores = (Path(self.layout.hexplane.format(mesh=name)) for name in names)
        known = [_coarse(read_hexplane(store)) for store in stores]
        return names, np.stack(known) if known else np.zeros((0, 6, 1, 1), dtype=np.float32)


def _coarse(views: Hexplane) -> NDArray[np.float32]:
    """Mean depth [6, r, r] of squares of pixels."""
    size = min(COARSE, views.resolution)
    block = views.resolution // size
    cut = views.depth[:, : size * block, : size * block]
    return cut.reshape(6, size, block, size, block).mean(axis=(2, 4), dtype=np.float32)


def newest_model(results: Path = Path(RESULTS)) -> Path:
    """The folder of the model that was trained last.

    Raises:
        UserError: there is none.
    """
    found = models_in(results)
    if not found:
        raise UserError(f"{results}: no model here; run `make`, or name a model's folder")
    return max(found, key=lambda folder: (folder / WEIGHTS).stat().st_mtime)


def model_of(weights: str, results: Path = Path(RESULTS)) -> Path:
    """The folder of the model whose weights' SHA-256 begins like this.

    Raises:
        UserError: there is none.
    """
    for folder in models_in(results):
        if sha256(folder / WEIGHTS).startswith(weights):
            return folder
    raise UserError(f"{results}: no model with weights {weights}...; name its folder by --model")


def models_in(results: Path) -> list[Path]:
    """Folders of models of all studies."""
    found = results.glob(f"*/models/*/{WEIGHTS}")
    return sorted(file.parent for file in found if (file.parent / CONFIG).is_file())
