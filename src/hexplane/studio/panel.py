"""The controls of one person's page: what is where, and which name each value has.

A control only says what was set or clicked; `person` does it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import viser

from hexplane.geometry import frame
from hexplane.plumbing.formats import EXTENSIONS
from hexplane.studio.edits import FARTHEST, MOST_SPOTS, Edit
from hexplane.studio.guard import taken
from hexplane.studio.pictures import ends
from hexplane.studio.scene import MODES
from hexplane.studio.space import Space

MIXED = 3
"""Heads that can be mixed with the first."""
NONE = "none"
RATES = 100
"""Steps of the rate slider; at the last one the file is whole."""
LEAST_BYTES = 64
LATENTS = (".hxl", ".yaml", ".yml")

Act = Callable[[], None]


class Panel:
    """The controls.

    Args:
        client: whose page they are on.
        set_value: told of what is set: `direction 3`, `symmetry`, `weight 1`, `rate` and so on.
        do: told of what is clicked.
        acts: what each button does, by its name.
        space: what can be edited.
        pictures: of both ends of each direction.
        heads: names of heads that can be chosen.
    """

    def __init__(
        self,
        client: viser.ClientHandle,
        set_value: Callable[[str, Any], None],
        do: Callable[[Act], object],
        acts: dict[str, Callable[..., None]],
        space: Space,
        pictures: Sequence[tuple[str, str]],
        heads: Sequence[str],
    ) -> None:
        self._gui: Any = client.gui
        self._set, self._do, self._acts = set_value, do, acts
        self._inputs: dict[str, Any] = {}
        self._choices: list[Any] = []
        gui = self._gui
        self.status = gui.add_html("")
        buttons = gui.add_button_group("", ("Undo", "Redo", "Reset"))
        self._on_click(buttons, lambda: acts[str(buttons.value)]())
        self.history: Any = gui.add_dropdown("History", ("1",))
        self._on_choice(self.history, "history")
        tabs = gui.add_tab_group()
        with tabs.add_tab("Head"):
            self._head(heads)
        with tabs.add_tab("Shape"):
            self._shape(pictures)
        with tabs.add_tab("Parts"):
            self._parts(heads, space)
        with tabs.add_tab("Sample"):
            self._sample()
        with tabs.add_tab("Export"):
            self._export(space)

    def _head(self, heads: Sequence[str]) -> None:
        gui = self._gui
        self.head = gui.add_dropdown("Study's head", heads or (NONE,))
        self._on_choice(self.head, "head")
        self.up = gui.add_dropdown("Up in a file", ("y", "z"), hint="Axis that points up in it.")
        allowed = " ".join((*EXTENSIONS, *LATENTS))
        upload = gui.add_upload_button(
            "Load a file", hint=f"Or drop it: {allowed}, of 256 MB at most"
        )

        @upload.on_upload
        async def _(_: Any) -> None:
            self._acts["sent"](*taken(upload))

        self.mode = gui.add_dropdown("Show", MODES, initial_value=MODES[1])
        self._on_choice(self.mode, "mode")
        self.blend = gui.add_slider("Blend", 0.0, 1.0, 0.05, 0.5, hint="One over the other.")
        self._on_choice(self.blend, "blend")
        self.coloured = gui.add_checkbox("Colour by distance", False)
        self._on_choice(self.coloured, "coloured")
        look = gui.add_button_group("Look from", ("front", "left", "right", "back"))
        self._on_click(look, lambda: self._acts["look"](str(look.value)))
        self.measures = gui.add_html("")
        self.views = gui.add_html("")

    def _shape(self, pictures: Sequence[tuple[str, str]]) -> None:
        gui = self._gui
        if not pictures:
            gui.add_markdown("There are no training heads beside this model to take directions of.")
        self._slider("Symmetry", "symmetry", 0.0, 1.0, "1: the mean with the mirror image.")
        self._slider("Towards the mean", "towards_mean", 0.0, 1.0, "1: the prior's mean head.")
        for index, (low, high) in enumerate(pictures):
            gui.add_html(ends(low, high))
            self._slider(f"Direction {index + 1}", f"direction {index}", -FARTHEST, FARTHEST)

    def _parts(self, heads: Sequence[str], space: Space) -> None:
        gui = self._gui
        with gui.add_folder("Mix with"):
            for index in range(MIXED):
                self._choice("Head", f"mixed {index}", (NONE, *heads))
                self._slider("Share", f"weight {index}", 0.0, 1.0)
        with gui.add_folder("Swap a part"):
            gui.add_markdown(space.swap_note)
            self.source = self._choice("From", "source", (NONE, *heads))
            self.view = gui.add_dropdown("View", frame.VIEW_NAMES, initial_value="front")
            self._on_choice(self.view, "view")
            self.painting = gui.add_checkbox(
                "Paint", False, hint=f"Click on the head: at most {MOST_SPOTS} spots, else all."
            )
            self._on_choice(self.painting, "painting")
            self.radius = gui.add_slider("Brush", 0.05, 0.8, 0.05, 0.25)
            self._button("Swap", "swap")
            self._button("Take swaps back", "unswap")

    def _sample(self) -> None:
        gui = self._gui
        self.seed = gui.add_number("Seed", 0, min=0, max=2**31 - 1, step=1)
        self.temperature = gui.add_slider("Temperature", 0.0, 1.5, 0.05, 0.8)
        self._button("Draw a head", "sample")
        self._button("Draw the next one", "next sample")
        self.nearest = gui.add_html("")

    def _export(self, space: Space) -> None:
        gui = self._gui
        gui.add_markdown(space.rate_note)
        self.rate = self._slider("Rate", "rate", 0, RATES, initial=RATES, step=1)
        self.size = gui.add_html("")
        self.format = gui.add_dropdown("Mesh file", ("PLY", "GLB", "OBJ"))
        self.canonical = gui.add_checkbox("In the canonical cube", False)
        self.faces = gui.add_number("Most faces", 0, min=0, max=1_000_000, step=100, hint="0: all")
        self._button("Mesh", "mesh")
        self._button("Latent file", "latent")
        self._button("Edit as YAML", "yaml")
        self._button("Picture", "picture")

    def show_edit(self, edit: Edit, labels: Sequence[str], at: int) -> None:
        """Controls as an edit has them, and the history."""
        amounts = list(edit.directions) + [0.0] * 12
        for name, control in self._inputs.items():
            kind, _, number = name.partition(" ")
            if kind == "direction":
                control.value = float(amounts[int(number)])
            elif kind in ("symmetry", "towards_mean"):
                control.value = float(getattr(edit, kind))
            elif kind in ("mixed", "weight"):
                part = edit.mix[int(number)] if int(number) < len(edit.mix) else None
                if kind == "weight":
                    control.value = part.weight if part else 0.0
                elif part is None or part.head.name in control.options:
                    control.value = part.head.name if part else NONE
        steps = tuple(f"{index + 1}. {label}" for index, label in enumerate(labels))
        # Its value is set with it: viser tells of neither.
        self.history.options = steps
        self.history.value = steps[at]

    def offer(self, heads: Sequence[str]) -> None:
        """Heads that can be chosen, after one more was loaded."""
        for control in self._choices:
            control.options = (NONE, *heads)

    def mixed(self, index: int) -> str:
        """Name of a head that is mixed in."""
        return str(self._inputs[f"mixed {index}"].value)

    def weight(self, index: int) -> float:
        """Its share."""
        return float(self._inputs[f"weight {index}"].value)

    def _slider(
        self,
        label: str,
        name: str,
        low: float,
        high: float,
        hint: str | None = None,
        initial: float = 0.0,
        step: float = 0.05,
    ) -> Any:
        kind = type(step)
        values = (kind(low), kind(high), step, kind(initial))
        control = self._gui.add_slider(label, *values, hint=hint)
        self._inputs[name] = control
        self._on_choice(control, name)
        return control

    def _choice(self, label: str, name: str, options: Sequence[str]) -> Any:
        control = self._gui.add_dropdown(label, options)
        self._inputs[name] = control
        self._choices.append(control)
        self._on_choice(control, name)
        return control

    def _button(self, label: str, name: str) -> None:
        self._on_click(self._gui.add_button(label), lambda: self._acts[name]())

    def _on_choice(self, control: Any, name: str) -> None:
        @control.on_update
        async def _(event: Any) -> None:
            if event.client_id is not None:  # not set by `show_edit`
                self._set(name, control.value)

    def _on_click(self, control: Any, act: Act) -> None:
        @control.on_click
        async def _(event: Any) -> None:
            if event.client_id is not None:
                self._do(act)
