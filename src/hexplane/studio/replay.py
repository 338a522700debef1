"""From an edit to a latent and a mesh: what the page and `hexplane edit` share."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, TypeVar

import numpy as np
import trimesh
from fast_simplification import simplify
from torch import Tensor

from hexplane.decoding import read_latent_file
from hexplane.encoding import file_of
from hexplane.extraction import extract, is_empty
from hexplane.geometry import frame
from hexplane.geometry.meshes import moved
from hexplane.model import latent_file
from hexplane.plumbing.errors import UserError
from hexplane.settings.extract import ExtractSettings
from hexplane.studio.edits import Edit, Head, Part, Swap
from hexplane.studio.space import Images, Point, Space

T = TypeVar("T")
KEPT = 24
"""Results of stages that are kept: a moved slider repeats the last ones only."""
THRESHOLDS = range(2, 10)
"""Of the simplification, from a careful one: the library stops early at some."""


class Made(NamedTuple):
    """What an edit looks like.

    Attributes:
        mesh: canonical; without faces where the field has no surface.
        images: decoded views, where the codec decodes some.
    """

    mesh: trimesh.Trimesh
    images: Images


class Replay:
    """Edits of one model, made real."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    def point(self, head: Head) -> Point:
        """Of a head's latent file.

        Raises:
            UserError: it is damaged, or another model's.
        """
        latent, _ = read_latent_file(head.file, self.space.saved, head.name)
        return self.space.point(latent)

    def place(self, head: Head) -> frame.Array | None:
        """A head's source-to-canonical transform [4, 4], if it has one."""
        return latent_file.unpack(head.file, head.name).source_to_canonical

    def latent(self, edit: Edit) -> Tensor:
        """The latent that the codec's files hold of an edit.

        Raises:
            UserError: the edit is of another model, one of its latent files is damaged, or no file
            is as small as it asks for.
        """
        space = self.space
        if not space.saved.weights_hash.startswith(edit.model):
            raise UserError(f"model: the edit is of {edit.model}, but this model is another")
        parts = (edit.head, edit.mix, edit.swaps)
        point = self._joined(*parts)
        if edit.symmetry:
            mirror = self._once(("mirrored", *parts), lambda: space.mirrored(self._joined(*parts)))
            point = space.mixed([point, mirror], [1 - edit.symmetry / 2, edit.symmetry / 2])
        if edit.towards_mean:
            point = space.mixed([point, space.mean], [1 - edit.towards_mean, edit.towards_mean])
        latent = space.latent(space.along(point, edit.directions))
        if edit.most_bytes is None:
            return latent
        place = self.place(edit.head)
        if len(file_of(space.saved, latent, place)) <= edit.most_bytes:
            return latent
        most = edit.most_bytes - latent_file.header_bytes(place)
        whole = edit.model_copy(update={"output": None})
        return self._once(("smaller", whole), lambda: space.smaller(latent, most))

    def file(self, edit: Edit) -> bytes:
        """The latent file of an edit."""
        return file_of(self.space.saved, self.latent(edit), self.place(edit.head))

    def made(self, edit: Edit, resolution: int) -> Made:
        """The canonical mesh at so many voxels, and the decoded views."""
        field, images = self.space.decoded(self.latent(edit), resolution)
        settings = ExtractSettings(resolution=resolution)
        return Made(extract(field, settings).mesh, images)

    def output(self, edit: Edit) -> trimesh.Trimesh:
        """The mesh as the edit asks for it: its grid, its faces, its coordinates.

        Raises:
            UserError: it has no surface.
        """
        wanted = edit.output
        mesh = self.made(edit, wanted.resolution).mesh
        if is_empty(mesh):
            raise UserError("this head has no surface: its field never crosses its level")
        if wanted.faces is not None:
            mesh = simplified(mesh, wanted.faces)
        place = None if wanted.canonical else self.place(edit.head)
        return mesh if place is None else moved(mesh, np.linalg.inv(place))

    def _mixed(self, first: Head, mix: tuple[Part, ...]) -> Point:
        points = [self.point(first), *(self.point(part.head) for part in mix)]
        weights = [part.weight for part in mix]
        return self.space.mixed(points, [1 - sum(weights), *weights]) if mix else points[0]

    def _joined(self, first: Head, mix: tuple[Part, ...], swaps: tuple[Swap, ...]) -> Point:
        if not swaps:
            return self._once(("mixed", first, mix), lambda: self._mixed(first, mix))
        *before, last = swaps

        def swapped() -> Point:
            point = self._joined(first, mix, tuple(before))
            return self.space.swapped(point, self.point(last.head), last)

        return self._once(("swapped", first, mix, swaps), swapped)

    def _once(self, key: Hashable, make: Callable[[], T]) -> T:
        if key in self._kept:
            self._kept.move_to_end(key)
            found: T = self._kept[key]
            return found
        made = self._kept[key] = make()
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return made


def simplified(mesh: trimesh.Trimesh, faces: int) -> trimesh.Trimesh:
    """A mesh of at most about so many faces, by quadric errors (Garland and Heckbert, 1997)."""
    if len(mesh.faces) <= faces:
        return mesh
    corners = np.ascontiguousarray(mesh.vertices, dtype=np.float32)
    own = np.ascontiguousarray(mesh.faces, dtype=np.int32)
    for threshold in THRESHOLDS:
        vertices, found = simplify(corners, own, target_count=faces, agg=threshold)
        if len(found) <= faces:
            break
    return trimesh.Trimesh(vertices, found, process=False)
