"""What is added to a decoded field, in blocks (`blocks`): its choice for a size, and its code.

Far from the true and from the decoded surface any value does. There a correction is asked for what
it already says, so that it takes what is cheapest: expectation and maximisation with missing data
(Dempster, Laird and Rubin, J. R. Stat. Soc. B 1977).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hexplane.model import blocks

STEPS = 6
"""Quantisation steps: the finest one times 2^0 to 2^5."""
LEAST, USUAL, MOST = 0.1, 0.3, 1.2
"""Prices of a bit, in squared steps; tables are fitted at the usual one."""
DEAR = (MOST, 4.0, 16.0, 64.0, 256.0)
ROUNDS = 5
"""Choices, each by what the one before it says where any value does."""
SURFACE = 1.0
"""Voxels around a surface, the true one or the decoded one, that are corrected."""
FAR = 0.1
"""Weight of a voxel that counts as none: most voxels are far from any surface, and where a head is
larger than the mean head a little is wrong with each of them."""
LOST = 0.05
"""Error of a voxel, in canonical units, that is as bad as any: a missing neck errs without end."""

Field = NDArray[np.float32]


class Choice(NamedTuple):
    """Corrections of one head."""

    octave: int  # of the step
    kind: int  # of the tables
    integers: blocks.Integers  # [B, M]


class Corrections(NamedTuple):
    """What a model knows of corrections."""

    directions: NDArray[np.float32]  # [M, M], rows
    classes: NDArray[np.uint8]  # [B], kinds of places
    tables: Sequence[Sequence[blocks.Tables]]  # [kinds][STEPS]
    fine_step: float

    def step(self, octave: int) -> np.float32:
        """Quantisation step."""
        return np.float32(self.fine_step * 2**octave)

    def field(self, choice: Choice) -> Field:
        """What is to be added [N, N, N]."""
        live = np.flatnonzero(choice.integers.any(axis=1))
        added = np.zeros(choice.integers.shape, dtype=np.float32)
        scaled = choice.integers[live].astype(np.float32) * self.step(choice.octave)
        added[live] = scaled @ self.directions
        return blocks.join(added)

    def pack(self, choice: Choice) -> bytes:
        """Tables and step, a byte, and the integers."""
        own = self.tables[choice.kind][choice.octave]
        how = bytes([choice.kind * STEPS + choice.octave])
        return how + blocks.pack(choice.integers, own, self.classes)

    def unpack(self, data: bytes) -> Choice:
        """What `pack` made these bytes of.

        Raises:
            ValueError: other bytes.
        """
        if not data or data[0] >= len(self.tables) * STEPS:
            raise ValueError("no such tables")
        kind, octave = divmod(data[0], STEPS)
        integers = blocks.unpack(data[1:], self.tables[kind][octave], self.classes)
        return Choice(octave, kind, integers)

    def finest(self, field: Field, made: Field) -> Choice:
        """The corrections of the least error, at a low price of bits."""
        added = np.zeros_like(field)
        for _ in range(ROUNDS):
            choice = self._choose(wanted(field, made, added), 0, 0, LEAST)
            added = self.field(choice)
        return choice

    def within(self, field: Field, made: Field, room: int) -> Choice | None:
        """The corrections of a decoded field of the least error whose code fits `room` bytes."""
        coarse = self._coarse(wanted(field, made, np.zeros_like(field)), room)
        if coarse is None:
            return None
        best, least = None, error(field, made)
        left = error(field, made + self.field(coarse))
        if left < least:
            best, least = coarse, left
        for octave in range(max(0, coarse.octave - 1), coarse.octave + 1):
            added = self.field(coarse)
            low, high = LEAST, MOST
            for _ in range(ROUNDS):
                price = np.sqrt(low * high)
                choice = self._choose(wanted(field, made, added), octave, coarse.kind, price)
                if len(self.pack(choice)) > room:  # nor does the next one start from it
                    low = price
                    continue
                high = price
                added = self.field(choice)
                left = error(field, made + added)
                if left < least:
                    best, least = choice, left
        return best

    def _coarse(self, asked: Field, room: int) -> Choice | None:
        """Of the finest step that fits at the usual price, the tables of the least error.

        Where none fits, as much is wrong, the coarsest step at the lowest price that fits.
        """
        tries = [(octave, USUAL) for octave in range(STEPS)]
        for octave, price in tries + [(STEPS - 1, price) for price in DEAR]:
            fits = []
            for kind in range(len(self.tables)):
                choice = self._choose(asked, octave, kind, price)
                if choice.integers.any() and len(self.pack(choice)) <= room:
                    fits.append((float(np.square(asked - self.field(choice)).sum()), kind, choice))
            if fits:
                return min(fits)[2]
        return None

    def _choose(self, asked: Field, octave: int, kind: int, price: float) -> Choice:
        coefficients = blocks.split(asked) @ self.directions.T
        tables = self.tables[kind][octave]
        step = float(self.step(octave))
        return Choice(octave, kind, blocks.choose(coefficients, step, price, tables, self.classes))


def wanted(field: Field, made: Field, added: Field) -> Field:
    """What corrections are asked for, where so much is added already."""
    near = np.maximum(nearness(field, made), nearness(field, made + added))
    return np.asarray(added + near * (field - made - added), dtype=np.float32)


def error(field: Field, made: Field) -> float:
    """Mean error near the true surface, and near the decoded one: what a Chamfer distance sees."""
    wrong = np.abs(field - made).clip(max=LOST)
    near = [_around(np.abs(own)) for own in (field, made)]
    return float(sum((own * wrong).sum() / max(own.sum(), 1e-9) for own in near))


def nearness(field: Field, made: Field) -> Field:
    """Weights in [0, 1]: is a voxel by the true or the decoded surface, or between them?"""
    near = _around(np.minimum(np.abs(field), np.abs(made)))
    near[near < FAR] = 0
    near[(field < 0) != (made < 0)] = 1
    return near


def _around(distance: Field) -> Field:
    width = SURFACE * 2 / len(distance)
    return np.asarray(np.exp(-((distance / width) ** 2)), dtype=np.float32)
