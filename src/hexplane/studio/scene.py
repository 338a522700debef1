"""What one person sees: the original and the edited head, side by side or one over the other."""

from typing import Any, Literal

import numpy as np
import trimesh
import viser
from numpy.typing import NDArray

from hexplane.extraction import is_empty
from hexplane.geometry import frame
from hexplane.geometry.distance import surface_distance
from hexplane.report.pictures import scale
from hexplane.studio.edits import Spot
from hexplane.studio.guard import SEEN_FROM

APART = 0.85
"""Canonical units of each head from the middle, where both are shown."""
ORIGINAL, EDITED = (150, 165, 185), (232, 190, 150)
FAR = 0.05
"""Distance in canonical units at the upper end of the scale of colours."""
Mode = Literal["edited", "side by side", "one over the other"]
MODES: tuple[Mode, ...] = ("edited", "side by side", "one over the other")


class Scene:
    """The heads on one person's screen.

    Attributes:
        edited: the canonical mesh that is shown.
        original: that of the original, if there is one.
    """

    def __init__(self, client: viser.ClientHandle) -> None:
        self.client = client
        self.mode: Mode = "edited"
        self.blend = 0.5
        self.coloured = False
        self.edited: trimesh.Trimesh | None = None
        self.original: trimesh.Trimesh | None = None
        self._shown: dict[str, Any] = {}
        self._colours: Any = None
        self._spots: list[Any] = []
        self._right = np.array([1.0, 0.0, 0.0])
        client.scene.configure_default_lights(cast_shadow=False)
        client.camera.on_update(self._turned)
        self.look_from(frame.VIEW_NAMES.index("front"))

    def look_from(self, view: int) -> None:
        """Put the camera before one of the six views."""
        camera = self.client.camera
        with self.client.atomic():
            camera.up_direction = tuple(frame.UP[view])
            camera.position = tuple(frame.TOWARD[view] * SEEN_FROM)
            camera.look_at = (0.0, 0.0, 0.0)

    def show(self, mesh: trimesh.Trimesh, fine: bool) -> None:
        """Show the edited head; colours by distance are taken of fine ones only."""
        self.edited = mesh
        self._put("edited", mesh, EDITED)
        if fine:
            self.colour()

    def show_original(self, mesh: trimesh.Trimesh | None) -> None:
        """Show the original, if there is one."""
        self.original = mesh
        self._put("original", mesh or trimesh.Trimesh(), ORIGINAL)
        self.colour()

    def colour(self) -> None:
        """Colour the edited head by its distance from the original, if that is wanted."""
        wanted = self.coloured and self.original is not None
        wanted = wanted and self.edited is not None and not is_empty(self.edited)
        if self._colours is not None:
            self._colours.remove()
            self._colours = None
        if wanted and self.edited is not None and self.original is not None:
            apart, _ = surface_distance(np.asarray(self.edited.vertices), self.original)
            colours = scale.colours((apart / FAR).clip(0, 1))
            shown = trimesh.Trimesh(self.edited.vertices, self.edited.faces, process=False)
            shown.visual = trimesh.visual.ColorVisuals(shown, vertex_colors=colours)
            self._colours = self.client.scene.add_mesh_trimesh(
                "/coloured", shown, cast_shadow=False, receive_shadow=False
            )
        self.arrange()

    def arrange(self) -> None:
        """Where each head is, and what of it is seen."""
        both = self.original is not None and self.mode != "edited"
        aside = APART * self._right if both and self.mode == "side by side" else np.zeros(3)
        over = both and self.mode == "one over the other"
        with self.client.atomic():
            for name, place in (("original", -aside), ("edited", aside)):
                if name in self._shown:
                    self._shown[name].position = tuple(place)
            if "original" in self._shown:
                self._shown["original"].visible = both
                self._shown["original"].opacity = 1 - self.blend if over else None
            if "edited" in self._shown:
                self._shown["edited"].visible = self._colours is None
                self._shown["edited"].opacity = self.blend if over else None
            if self._colours is not None:
                self._colours.position = tuple(aside)

    def paint(
        self, origin: NDArray[np.float64], ray: NDArray[np.float64], view: int, radius: float
    ) -> Spot | None:
        """The spot under a click, on one of the six views; none beside the head."""
        if self.edited is None or is_empty(self.edited) or "edited" not in self._shown:
            return None
        place = np.asarray(self._shown["edited"].position)
        hits, *_ = self.edited.ray.intersects_location([origin - place], [ray], False)
        if len(hits) == 0:
            return None
        marker = self.client.scene.add_icosphere(
            f"/paint/{len(self._spots)}", radius=radius, color=(220, 60, 60), opacity=0.35,
            position=tuple(hits[0] + place),
        )  # fmt: skip
        self._spots.append(marker)
        right, up = (
            float(np.clip(hits[0] @ axes[view], -1, 1)) for axes in (frame.RIGHT, frame.UP)
        )
        return Spot(right=round(right, 4), up=round(up, 4), radius=radius)

    def wipe(self) -> None:
        """Take the paint off."""
        for marker in self._spots:
            marker.remove()
        self._spots.clear()

    def _put(self, name: str, mesh: trimesh.Trimesh, colour: tuple[int, int, int]) -> None:
        vertices = np.asarray(mesh.vertices, dtype=np.float32).reshape(-1, 3)
        faces = np.asarray(mesh.faces, dtype=np.uint32).reshape(-1, 3)
        if name not in self._shown:
            self._shown[name] = self.client.scene.add_mesh_simple(
                f"/{name}",
                vertices,
                faces,
                color=colour,
                side="double",
                cast_shadow=False,
                receive_shadow=False,
            )
            self.arrange()
            return
        with self.client.atomic():
            self._shown[name].vertices = vertices
            self._shown[name].faces = faces

    def _turned(self, camera: viser.CameraHandle) -> None:
        """Heads side by side stay so, however the camera turns around them."""
        w, x, y, z = camera.wxyz
        right = np.array([1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)])
        if np.abs(right - self._right).max() > 1e-3:
            self._right = right
            if self.mode == "side by side":
                self.arrange()
