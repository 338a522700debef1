"""One person at the studio: what each button of the page does."""

import time
from collections.abc import Callable
from pathlib import Path

from hexplane.drawing import draw
from hexplane.encoding import file_of
from hexplane.extraction import is_empty
from hexplane.model import latent_file
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.settings import MOST_SEED
from hexplane.rendering.select import select_backend
from hexplane.studio import files
from hexplane.studio.desk import FINE, Desk, said
from hexplane.studio.edits import Edit, Output, Swap, head, to_yaml
from hexplane.studio.library import Loaded
from hexplane.studio.panel import NONE


class Person(Desk):
    """Whose page it is."""

    def acts(self) -> dict[str, Callable[..., None]]:
        """What each button does, by its name."""
        return {
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
        self.settle()
        made = self.show(self.session.edit, FINE)
        if is_empty(made.mesh):
            self.panel.nearest.content = said("It has no surface.")
            return
        resolution = self.library.saved.resolution
        seen = select_backend("embree").render(made.mesh, resolution)
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

    def sent(self, name: str, content: bytes) -> None:
        """A file came; it is read in its turn, and none comes before that."""
        self._reading = True

        def read() -> None:
            try:
                self.read(Path(name).name, content)
            finally:
                self._reading = False

        if not self.do(read):
            self._reading = False

    def read(self, name: str, content: bytes) -> None:
        """A mesh, a latent, or an edit."""
        started = time.monotonic()
        found = files.read(name, content, self.library, self.panel.up.value, self.say)
        if isinstance(found, Edit):
            self.replay(found)
            return
        self.keep(found)
        self.begin(found)
        self.finish()
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
        self.send(suffix, files.mesh_file(self.session.replay.output(self.output()), suffix))

    def export_latent(self) -> None:
        """A latent file."""
        self.send(latent_file.SUFFIX, self.session.replay.file(self.session.edit))

    def export_yaml(self) -> None:
        """The edit, for `hexplane edit`."""
        self.send(".yaml", to_yaml(self.output()).encode())

    def export_picture(self) -> None:
        """What is on the screen."""
        self.send(".png", files.picture(self.client))

    def send(self, suffix: str, content: bytes) -> None:
        """Give the browser a file."""
        stem = "".join(c if c.isalnum() or c in "-_." else "-" for c in self.session.edit.head.name)
        self.client.send_file_download(f"{stem}{suffix}", content, save_immediately=True)
        self.say(f"{stem}{suffix}: {len(content):,} bytes")
