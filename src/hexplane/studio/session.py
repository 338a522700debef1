"""What one person does: an edit, the edits before it, and those that were undone."""

from collections.abc import Sequence
from typing import NamedTuple

from hexplane.studio.edits import DIRECTIONS, Edit, Head
from hexplane.studio.replay import Replay
from hexplane.studio.space import Space

LONGEST = 200
"""Steps of a history; the oldest ones after the first go."""


class Step(NamedTuple):
    """A step of a history."""

    label: str
    edit: Edit


class Session:
    """One person's head.

    Attributes:
        replay: what makes its meshes.
        edit: as it is now, a slider half-way included.
    """

    def __init__(self, space: Space, head: Head) -> None:
        self.replay = Replay(space)
        self.model = space.saved.weights_hash[:8]
        self._steps: list[Step] = []
        self._at = 0
        self.load(head)

    @property
    def steps(self) -> list[Step]:
        """The history, undone steps included."""
        return list(self._steps)

    @property
    def at(self) -> int:
        """Which step the edit is."""
        return self._at

    def load(self, head: Head) -> None:
        """Begin with another head; what was done to the last one is forgotten."""
        self.edit = Edit(model=self.model, head=head)
        self._steps, self._at = [Step(head.name, self.edit)], 0

    def replaced(self, edit: Edit, label: str) -> None:
        """Begin with a whole edit, such as one that was read from a file."""
        self.load(edit.head)
        if edit != self.edit:
            self.change(label, **{name: getattr(edit, name) for name in Edit.model_fields})

    def preview(self, **values: object) -> Edit:
        """Change parts of the edit, as while a slider moves: no step of the history yet.

        Raises:
            ValueError: a value is out of range; nothing has changed.
        """
        self.edit = Edit.model_validate(self.edit.__dict__ | values)
        return self.edit

    def change(self, label: str, **values: object) -> Edit:
        """Change parts of the edit as a step of the history; of a preview the step is made, too."""
        self.preview(**values)
        if self.edit == self._steps[self._at].edit:
            return self.edit
        del self._steps[self._at + 1 :]
        self._steps.append(Step(label, self.edit))
        if len(self._steps) > LONGEST:
            del self._steps[1]
        self._at = len(self._steps) - 1
        return self.edit

    def direction(self, index: int, amount: float) -> tuple[float, ...]:
        """The directions of the edit with one of them set."""
        values = list(self.edit.directions) + [0.0] * (DIRECTIONS - len(self.edit.directions))
        values[index] = amount
        while values and values[-1] == 0:
            values.pop()
        return tuple(values)

    def undo(self) -> bool:
        """The step before, if there is one; a preview is dropped first."""
        return self.go(self._at - 1)

    def redo(self) -> bool:
        """The step that was undone last, if there is one."""
        return self.go(self._at + 1)

    def go(self, at: int) -> bool:
        """Any step of the history, if there is such a one."""
        if not 0 <= at < len(self._steps):
            return False
        self._at = at
        self.edit = self._steps[at].edit
        return True

    def reset(self) -> Edit:
        """The head as it was loaded, as a step that can be undone."""
        output = self.edit.output
        fresh = Edit(model=self.model, head=self.edit.head, output=output)
        return self.change("Reset", **{name: getattr(fresh, name) for name in Edit.model_fields})


def label(before: Edit, after: Edit) -> str:
    """What a step of the history is called: the slider that was moved."""
    names = {"symmetry": "Symmetry", "towards_mean": "Towards the mean", "mix": "Mixture"}
    for name, words in names.items():
        if getattr(before, name) != getattr(after, name):
            return words
    if before.directions != after.directions:
        pairs = zip(_pad(before.directions), _pad(after.directions), strict=True)
        changed = [i + 1 for i, (a, b) in enumerate(pairs) if a != b]
        return f"Direction {', '.join(map(str, changed))}"
    return f"Rate: {after.most_bytes or 'whole'}"


def _pad(values: Sequence[float]) -> list[float]:
    """All directions."""
    return list(values) + [0.0] * (DIRECTIONS - len(values))
