"""One person at the studio: what each control of the page does."""

import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
import viser
from PIL import Image
from pydantic import ValidationError

from hexplane.drawing import draw
from hexplane.encoding import file_of
from hexplane.extraction import is_empty
from hexplane.geometry import frame
from hexplane.geometry.writing import write_mesh
from hexplane.metrics.rates import compare_surfaces
from hexplane.metrics.table import f_score
from hexplane.model import latent_file
from hexplane.plumbing.errors import UserError, of_machine
from hexplane.plumbing.formats import EXTENSIONS
from hexplane.plumbing.settings import MOST_SEED
from hexplane.rendering.select import select_backend
from hexplane.studio import pictures
from hexplane.studio.edits import Edit, Output, Part, Spot, Swap, from_yaml, head, to_yaml
from hexplane.studio.guard import limit_uploads
from hexplane.studio.library import SHOWN_FACES, Library, Loaded
from hexplane.studio.panel import LATENTS, LEAST_BYTES, MIXED, NONE, RATES, Panel
from hexplane.studio.replay import Made, simplified
from hexplane.studio.scene import Scene
from hexplane.studio.session import Session
from hexplane.studio.worker import Worker

COARSE, FINE = 64, 128
"""Voxels along the cube's side while a slider moves, and after."""
SAMPLES = 5_000
"""Points on each surface that measures take."""
THRESHOLD = 0.01
MOST_OWN = 24
"""Heads of their own that a person has at hand; the oldest ones go."""
PICTURE = (1280, 960)

log = logging.getLogger(__name__)


class Person:
    """A page, its head, and the thread that works for it."""

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
        self._whole = len(self.loaded.head.file)
        self._reading = False
        limit_uploads(client, lambda: self._reading, lambda why: self.say(why, wrong=True))
        self.worker = Worker(self.moved, self.settled, self.failed)
        acts: dict[str, Callable[..., None]] = {
            "Undo": lambda: self.walked(self.session.undo()),
            "Redo": lambda: self.walked(self.session.redo()),
            "Reset": self.reset,
            "sent": self.sent,
            "look": self.look,
            "swap": self.swap,
            "unswap": lambda: self.change("Swaps taken back", swaps=()),
            "sample": self.sample,
            "next sample": self.next_sample,
            "mesh": self.export_mesh,
            "latent": self.export_latent,
            "yaml": self.export_yaml,
            "picture": self.export_picture,
        }
        names = list(library.heads)
        self.scene = Scene(client)
        self.panel = Panel(client, self.worker, acts, library.space, portraits, names)
        if self.loaded.head.name in names:
            self.panel.head.value = self.loaded.head.name
        self.worker.do(lambda: self.begin(self.loaded))

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
        self.settle()

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
            else:
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
        self.made = self.session.replay.made(edit, resolution)
        self.scene.show(self.made.mesh, fine=resolution == FINE)
        return self.made

    def settle(self) -> None:
        """Fine, and with all that is said of it; left half done where more is asked for."""
        self.say("Decoding")
        edit = self.session.edit
        made = self.show(edit, FINE)
        file = self.session.replay.file(edit)
        if edit.most_bytes is None:
            self._whole = len(file)
        self.panel.size.content = said(f"{len(file):,} bytes")
        self.say(f"{edit.head.name}: {len(made.mesh.faces):,} faces, a file of {len(file):,} bytes")
        if self.worker.waiting:
            return
        decoded = pictures.decoded_views(made.mesh, made.images, self.library.saved.resolution)
        features = self.library.saved.settings.features
        self.panel.views.content = pictures.table(self.loaded.views, decoded, features)
        if not self.worker.waiting:
            self.panel.measures.content = said(self.measured(made, len(file)))

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

    def set_source(self, value: str) -> None:
        """The head that a part will be taken from: nothing yet."""

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
            self.worker.do(lambda: self.paint(*ray))

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

    def swap(self) -> None:
        """Take a part from another head."""
        name = str(self.panel.source.value)
        if name == NONE:
            raise UserError("Choose a head to take the part from.")
        self.say("Swapping")
        view = self.panel.view.value
        new = Swap(head=self.named(name).head, view=view, spots=tuple(self.spots))
        what = "painted part" if self.spots else view
        self.wipe()
        try:
            self.session.replay.latent(self.swapped(new))
        except ValueError:
            raise UserError("No more parts can be swapped; take some back first.") from None
        self.change(f"{what} of {name}", swaps=(*self.session.edit.swaps, new))

    def swapped(self, new: Swap) -> Edit:
        """The edit with one more part.

        Raises:
            ValueError: there are as many as there may be.
        """
        values = self.session.edit.__dict__ | {"swaps": (*self.session.edit.swaps, new)}
        made: Edit = Edit.model_validate(values)
        return made

    def sample(self) -> None:
        """A head from the prior."""
        seed = abs(int(self.panel.seed.value)) & MOST_SEED
        temperature = float(self.panel.temperature.value)
        (drawn,) = draw(self.library.saved, 1, seed, temperature)
        name = f"sample {seed} at {temperature:g}"
        loaded = Loaded(head(name, file_of(self.library.saved, drawn, None)), None, None)
        self.keep(loaded)
        self.begin(loaded)
        if self.made is None or is_empty(self.made.mesh):
            self.panel.nearest.content = said("It has no surface.")
            return
        resolution = self.library.saved.resolution
        seen = select_backend("embree").render(self.made.mesh, resolution)
        found = self.library.nearest(seen)
        if found is None:
            self.panel.nearest.content = said("There are no training heads beside this model.")
            return
        near, apart = found
        self.show_original(self.library.study_head(near).mesh)
        self.panel.nearest.content = said(
            f"Beside it: the nearest training head, {near}; "
            f"depth in the six views differs by {apart:.4f} in the mean (canonical units)."
        )

    def next_sample(self) -> None:
        """With the next seed."""
        self.panel.seed.value = int(self.panel.seed.value) + 1
        self.sample()

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

    def sent(self, name: str, content: bytes) -> None:
        """A file came; it is read in its turn, and none comes before that."""
        self._reading = True

        def read() -> None:
            try:
                self.read(Path(name).name, content)
            finally:
                self._reading = False

        self.worker.do(read)

    def read(self, name: str, content: bytes) -> None:
        """A mesh, a latent, or an edit."""
        started = time.monotonic()
        suffix = Path(name).suffix.lower()
        if suffix in LATENTS[1:]:
            self.replay(from_yaml(text_of(content, name), name))
            return
        if suffix not in (*EXTENSIONS, *LATENTS):
            allowed = " ".join((*EXTENSIONS, *LATENTS))
            raise UserError(f"{name}: unknown format {suffix!r} (allowed: {allowed})")
        with tempfile.TemporaryDirectory(prefix="hexplane-") as folder:
            # No name that comes from outside becomes a path, and none of ours is told.
            path = Path(folder, f"file{suffix}")
            path.write_bytes(content)
            try:
                loaded = self.library.read(path, self.panel.up.value, self.say)
            except UserError as error:
                raise UserError(str(error).replace(str(path), name)) from None
        stem = Path(name).stem or "file"
        stem += " (file)" if stem in self.library.heads else ""
        loaded = loaded._replace(head=head(stem, loaded.head.file))
        self.keep(loaded)
        self.begin(loaded)
        self.say(f"{name} was loaded in {time.monotonic() - started:.1f} s")

    def replay(self, edit: Edit) -> None:
        """An edit that was read from a file."""
        self.session.replay.latent(edit)  # refused before anything is lost
        for used in (*(part.head for part in edit.mix), *(swap.head for swap in edit.swaps)):
            self.keep(Loaded(used, None, None))
        self.loaded = Loaded(edit.head, None, None)
        self.session.replaced(edit, "Edit from a file")
        self.show_original(None)
        self.show_steps()
        self.settle()

    def output(self) -> Edit:
        """The edit with the mesh that is asked for."""
        faces = int(self.panel.faces.value)
        try:
            values = {"resolution": FINE, "faces": faces or None}
            output = Output(**values, canonical=bool(self.panel.canonical.value))
        except ValueError:
            raise UserError("Most faces: 100 or more, or 0 for all of them.") from None
        return self.session.edit.model_copy(update={"output": output})

    def export_mesh(self) -> None:
        """A mesh file."""
        suffix = f".{str(self.panel.format.value).lower()}"
        mesh = self.session.replay.output(self.output())
        with tempfile.TemporaryDirectory(prefix="hexplane-") as folder:
            path = Path(folder, f"head{suffix}")
            write_mesh(mesh, path)
            self.send(suffix, path.read_bytes())

    def export_latent(self) -> None:
        """A latent file."""
        self.send(latent_file.SUFFIX, self.session.replay.file(self.session.edit))

    def export_yaml(self) -> None:
        """The edit, for `hexplane edit`."""
        self.send(".yaml", to_yaml(self.output()).encode())

    def export_picture(self) -> None:
        """What is on the screen."""
        height, width = PICTURE[::-1]
        try:
            seen = self.client.get_render(height, width, transport_format="png", timeout=30)
        except (RuntimeError, TimeoutError) as error:
            raise UserError("The browser did not send its picture.") from error
        with tempfile.TemporaryDirectory(prefix="hexplane-") as folder:
            path = Path(folder, "head.png")
            Image.fromarray(seen).save(path)
            self.send(".png", path.read_bytes())

    def send(self, suffix: str, content: bytes) -> None:
        """Give the browser a file."""
        stem = "".join(c if c.isalnum() or c in "-_." else "-" for c in self.session.edit.head.name)
        self.client.send_file_download(f"{stem}{suffix}", content, save_immediately=True)
        self.say(f"{stem}{suffix}: {len(content):,} bytes")


def label(before: Edit, after: Edit) -> str:
    """What a step of the history is called: the slider that was moved."""
    names = {"symmetry": "Symmetry", "towards_mean": "Towards the mean", "mix": "Mixture"}
    for name, words in names.items():
        if getattr(before, name) != getattr(after, name):
            return words
    if before.directions != after.directions:
        pairs = zip(pad(before.directions), pad(after.directions), strict=True)
        changed = [i + 1 for i, (a, b) in enumerate(pairs) if a != b]
        return f"Direction {', '.join(map(str, changed))}"
    return f"Rate: {after.most_bytes or 'whole'}"


def pad(values: Sequence[float]) -> list[float]:
    """All directions."""
    return list(values) + [0.0] * (12 - len(values))


def said(text: str) -> str:
    """Text as HTML."""
    return f'<div style="padding:0.2em 0.9em;font-size:0.85em">{escape(text)}</div>'


def text_of(content: bytes, name: str) -> str:
    """A file's text.

    Raises:
        UserError: it is none.
    """
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise UserError(f"{name}: no text (allowed: UTF-8)") from None
