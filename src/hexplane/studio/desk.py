"""What one person has before them: a head, what is said of it, and what sliders and choices do."""

import contextlib
import ctypes
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import numpy as np
import trimesh
import viser
from pydantic import ValidationError

from hexplane.extraction import is_empty
from hexplane.geometry import frame
from hexplane.metrics.rates import compare_surfaces
from hexplane.metrics.table import f_score
from hexplane.plumbing.errors import UserError, of_machine
from hexplane.studio import pictures
from hexplane.studio.edits import Edit, Part, Spot
from hexplane.studio.guard import limit_uploads, take_drops
from hexplane.studio.library import SHOWN_FACES, Library, Loaded
from hexplane.studio.panel import LEAST_BYTES, MIXED, NONE, RATES, Panel
from hexplane.studio.replay import Made, simplified
from hexplane.studio.scene import Scene
from hexplane.studio.session import Session, label
from hexplane.studio.worker import Worker

COARSE, FINE = 64, 128
"""Voxels along the cube's side while a slider moves, and after."""
SAMPLES = 5_000
"""Points on each surface that measures take."""
THRESHOLD = 0.01
MOST_OWN = 24
"""Heads of their own that a person has at hand; the oldest ones go."""

log = logging.getLogger(__name__)


class Desk(ABC):
    """A page, its head, and the thread that works for it; `acts` says what its buttons do."""

    def __init__(
        self,
        client: viser.ClientHandle,
        library: Library,
        portraits: Sequence[tuple[str, str]],
    ) -> None:
        self.client, self.library = client, library
        self.own: dict[str, Loaded] = {}
        self.loaded = library.first()
        self.session = Session(library.space, self.loaded.head)
        self.spots: list[Spot] = []
        self.made: Made | None = None
        self._shown: tuple[Edit, int] | None = None
        self._whole = len(self.loaded.head.file)
        self._reading = False
        limit_uploads(client, lambda: self._reading, lambda why: self.say(why, wrong=True))
        self.worker = Worker(self.moved, self.settled, self.failed)
        names = list(library.heads)
        self.scene = Scene(client)
        self.panel = Panel(
            client, self.worker.set, self.do, self.acts(), library.space, portraits, names
        )
        take_drops(client)
        if self.loaded.head.name in names:
            self.panel.head.value = self.loaded.head.name
        self.worker.do(lambda: self.begin(self.loaded))
        self.worker.later(self.finish)

    @abstractmethod
    def acts(self) -> dict[str, Callable[..., None]]:
        """What each button does, by its name."""

    def do(self, action: Callable[[], None]) -> bool:
        """What a click asks for, unless clicks come faster than they are done."""
        taken = self.worker.do(action)
        if not taken:
            self.say("One moment, please: much is being done already.", wrong=True)
        return taken

    def leave(self) -> None:
        """The page was closed."""
        self.worker.stop()

    def say(self, text: str, wrong: bool = False) -> None:
        """A sentence at the top of the page."""
        colour = "#c92a2a" if wrong else "inherit"
        self.panel.status.content = (
            f'<div style="padding:0 0.9em;color:{colour}" data-status="{int(wrong)}">'
            f"{escape(text)}</div>"
        )

    def failed(self, error: Exception) -> None:
        """Say what went wrong; what is nobody's mistake but ours goes to the log, too."""
        lacking = of_machine(error)
        if isinstance(error, UserError):
            self.say(str(error).replace("\n", " "), wrong=True)
        elif isinstance(error, ValidationError):
            self.say("That is out of range.", wrong=True)
        elif lacking is not None:
            self.say(lacking, wrong=True)
        else:
            log.error("the studio failed", exc_info=error)
            self.say("That failed, and the studio's log says why.", wrong=True)

    def begin(self, loaded: Loaded) -> None:
        """With a head that was loaded."""
        self.loaded = loaded
        self.session.load(loaded.head)
        self._whole = len(loaded.head.file)
        self.show_original(loaded.mesh)
        self.show_steps()

    def show_original(self, mesh: trimesh.Trimesh | None) -> None:
        """The original, at no more faces than a screen needs."""
        if mesh is not None and len(mesh.faces) > SHOWN_FACES:
            self.say("Making the original small enough for the screen")
            mesh = simplified(mesh, SHOWN_FACES)
        self.scene.mode = self.panel.mode.value
        self.scene.show_original(mesh)

    def moved(self, values: dict[str, Any]) -> None:
        """Sliders and choices, the latest value of each."""
        changed: dict[str, Any] = {}
        for name, value in values.items():
            kind, _, number = name.partition(" ")
            if kind == "direction":
                changed["directions"] = self.session.direction(int(number), float(value))
                self.session.preview(directions=changed["directions"])
            elif kind in ("symmetry", "towards_mean"):
                changed[kind] = float(value)
            elif kind in ("mixed", "weight"):
                changed["mix"] = self.mix()
            elif kind == "rate":
                changed["most_bytes"] = self.rate(int(value))
            elif kind != "source":  # what it says counts once a part is taken
                getattr(self, f"set_{kind}")(value)
        if changed:
            edit = self.session.preview(**changed)
            # The search for a small file takes longer than a frame of a drag.
            if "most_bytes" not in changed:
                edit = edit.model_copy(update={"most_bytes": None})
            self.show(edit, COARSE)

    def settled(self) -> None:
        """The slider was let go."""
        before = self.session.steps[self.session.at].edit
        if self.session.edit != before:
            self.session.change(label(before, self.session.edit))
            self.show_steps()
            self.settle()

    def change(self, name: str, **values: Any) -> None:
        """A step of the history that no slider makes."""
        self.session.change(name, **values)
        self.show_steps()
        self.settle()

    def walked(self, there: bool) -> None:
        """After undo, redo or a choice in the history."""
        if not there:
            self.say("There is no such step.")
            return
        self.show_steps()
        self.settle()

    def reset(self) -> None:
        """The head as it was loaded."""
        self.session.reset()
        self.walked(True)

    def show_steps(self) -> None:
        """Controls and history as the session has them."""
        labels = [step.label for step in self.session.steps]
        self.panel.show_edit(self.session.edit, labels, self.session.at)
        if self.session.edit.most_bytes is None:
            self.panel.rate.value = RATES

    def show(self, edit: Edit, resolution: int) -> Made:
        """The edited head, decoded."""
        if self.made is None or self._shown != (edit, resolution):
            self.made = self.session.replay.made(edit, resolution)
            self._shown = edit, resolution
            self.scene.show(self.made.mesh, fine=resolution == FINE)
        return self.made

    def settle(self) -> None:
        """Once nothing else is asked for."""
        self.worker.later(self.finish)

    def finish(self) -> None:
        """Fine, and with all that is said of it; again from here where more is asked for."""
        self.say("Decoding")
        edit = self.session.edit
        made = self.show(edit, FINE)
        file = self.session.replay.file(edit)
        if edit.most_bytes is None:
            self._whole = len(file)
        self.panel.size.content = said(f"{len(file):,} bytes")
        self.say(f"{edit.head.name}: {len(made.mesh.faces):,} faces, a file of {len(file):,} bytes")
        if self.worker.waiting:
            self.settle()
            return
        decoded = pictures.decoded_views(made.mesh, made.images, self.library.saved.resolution)
        features = self.library.saved.settings.features
        self.panel.views.content = pictures.table(self.loaded.views, decoded, features)
        if self.worker.waiting:
            self.settle()
            return
        self.panel.measures.content = said(self.measured(made, len(file)))
        give_back()

    def measured(self, made: Made, size: int) -> str:
        """Measures of the edited head against the original."""
        if self.loaded.mesh is None or self.scene.original is None or is_empty(made.mesh):
            return f"File: {size:,} bytes. There is no original to measure against."
        found = compare_surfaces(made.mesh, self.scene.original, SAMPLES, [THRESHOLD], 0)
        return (
            f"File: {size:,} bytes. Against the original: Chamfer {found['chamfer_l1']:.4f}, "
            f"F at {THRESHOLD:g} {found[f_score(THRESHOLD)]:.3f}, "
            f"{'closed' if found['watertight'] else 'open'}, "
            f"pieces: {found['components']:g}."
        )

    # What controls set, by their names.

    def set_history(self, value: str) -> None:
        """A step of the history."""
        self.walked(self.session.go(int(value.partition(".")[0]) - 1))

    def set_head(self, value: str) -> None:
        """A head of the study."""
        if value != NONE:
            self.say(f"Reading {value}")
            self.begin(self.named(value))
            self.settle()

    def set_mode(self, value: str) -> None:
        """How the two heads are shown."""
        self.scene.mode = value  # type: ignore[assignment]
        self.scene.arrange()

    def set_blend(self, value: float) -> None:
        """How much of each is seen."""
        self.scene.blend = float(np.clip(value, 0, 1))
        self.scene.arrange()

    def set_coloured(self, value: bool) -> None:
        """Colours by distance."""
        self.scene.coloured = bool(value)
        self.scene.colour()

    def set_view(self, value: str) -> None:
        """The view that a part is taken of."""
        self.wipe()
        self.scene.look_from(frame.VIEW_NAMES.index(value))

    def set_painting(self, value: bool) -> None:
        """Clicks paint, or turn the head."""
        scene = self.client.scene
        if not value:
            scene.remove_click_callback()
            return
        self.scene.look_from(frame.VIEW_NAMES.index(self.panel.view.value))

        @scene.on_click()
        def _(event: viser.SceneClickEvent) -> None:
            ray = np.asarray(event.ray_origin), np.asarray(event.ray_direction)
            self.do(lambda: self.paint(*ray))

    def paint(self, origin: Any, ray: Any) -> None:
        """A spot under a click."""
        view = frame.VIEW_NAMES.index(self.panel.view.value)
        spot = self.scene.paint(origin, ray, view, float(self.panel.radius.value))
        if spot is not None:
            self.spots.append(spot)

    def wipe(self) -> None:
        """No paint any more."""
        self.spots.clear()
        self.scene.wipe()

    def look(self, view: str) -> None:
        """From one of the six views."""
        self.scene.look_from(frame.VIEW_NAMES.index(view))

    def mix(self) -> tuple[Part, ...]:
        """The mixture that is set; shares of more than the whole are cut in proportion."""
        chosen = [
            (self.named(self.panel.mixed(i)).head, self.panel.weight(i))
            for i in range(MIXED)
            if self.panel.mixed(i) != NONE
        ]
        total = max(1.0, sum(weight for _, weight in chosen))
        return tuple(Part(head=head, weight=weight / total) for head, weight in chosen)

    def rate(self, step: int) -> int | None:
        """Bytes that a place of the rate slider stands for, from the least to the whole file."""
        if step >= RATES:
            return None
        ratio = max(self._whole, LEAST_BYTES) / LEAST_BYTES
        return int(LEAST_BYTES * ratio ** (max(step, 0) / RATES))

    def named(self, name: str) -> Loaded:
        """A head by its name: one's own, or the study's."""
        return self.own[name] if name in self.own else self.library.study_head(name)

    def keep(self, loaded: Loaded) -> None:
        """Have a head at hand for mixtures and parts; of its original no more than that."""
        self.own.pop(loaded.head.name, None)
        self.own[loaded.head.name] = Loaded(loaded.head, None, None)
        while len(self.own) > MOST_OWN:
            del self.own[next(iter(self.own))]
        self.panel.offer(list(dict.fromkeys((*self.library.heads, *self.own))))


def give_back() -> None:
    """Return freed memory to the machine, where the C library is glibc: meshes of changing sizes,
    made by threads, otherwise leave holes by the hundred megabytes."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def said(text: str) -> str:
    """Text as HTML."""
    return f'<div style="padding:0.2em 0.9em;font-size:0.85em">{escape(text)}</div>'
