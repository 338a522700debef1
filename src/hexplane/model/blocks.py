"""Corrections of a field in blocks of voxels: a transform, integers, and their code.

A block [8, 8, 8] becomes its coefficients along the principal directions of blocks
(Karhunen-Loeve transform), in the order of their variance. Most are 0. A block's code says whether
anything is not, the last coefficient that is not, and all up to it. Tables depend on where the
block lies, as heads do not move, and on the coefficient's place; no float takes part in coding.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hexplane.model import coding

SIDE = 8
VALUES = SIDE**3
REACH = 15
"""Greatest coefficient with a symbol of its own."""
CLASSES = 6
"""Kinds of places of blocks, by how much is corrected there."""
SPREAD = 4.0
"""Heads that a place's class counts as, beside what was counted at the place itself."""
BESIDE = 2
"""Coefficients on each side that lend a coefficient their counts."""
ROUNDS = 3
"""Alternations of choosing integers by tables and counting tables of them."""

Floats = NDArray[np.floating]
Integers = NDArray[np.int64]


class Tables(NamedTuple):
    """Cumulative tables (`hexplane.model.coding`) for integers of one step."""

    used: NDArray[np.uint32]  # [B, 4]: whether a block has any
    last: NDArray[np.uint32]  # [CLASSES, M + 2]: the last one's place
    value: NDArray[np.uint32]  # [M, 2 REACH + 3]


def split(field: Floats) -> Floats:
    """Blocks [B, VALUES] of a field [N, N, N]."""
    count = len(field) // SIDE
    parts = field.reshape(count, SIDE, count, SIDE, count, SIDE)
    return parts.transpose(0, 2, 4, 1, 3, 5).reshape(-1, VALUES)


def join(blocks: Floats) -> Floats:
    """The field [N, N, N] of blocks [B, VALUES]."""
    count = round(len(blocks) ** (1 / 3))
    parts = blocks.reshape(count, count, count, SIDE, SIDE, SIDE)
    return parts.transpose(0, 3, 1, 4, 2, 5).reshape(count * SIDE, count * SIDE, count * SIDE)


def directions(blocks: Floats) -> NDArray[np.float32]:
    """Orthonormal rows [VALUES, VALUES], those that blocks [..., VALUES] vary along most first."""
    flat = blocks.reshape(-1, VALUES).astype(np.float64)
    values, vectors = np.linalg.eigh(flat.T @ flat)
    return vectors[:, np.argsort(-values, kind="stable")].T.astype(np.float32)


def classes_of(blocks: Floats) -> NDArray[np.uint8]:
    """Class [B] of each place by the energy of blocks [H, B, VALUES] there."""
    energy = np.square(blocks).sum(axis=2).mean(axis=0)
    rank = np.argsort(np.argsort(energy, kind="stable"), kind="stable")
    still = int((energy == 0).sum())
    share = (rank - still) / max(1, len(energy) - still)
    return np.where(energy > 0, 1 + share * (CLASSES - 1), 0).clip(0, CLASSES - 1).astype(np.uint8)


def even_tables(places: int) -> Tables:
    """Tables that know nothing."""
    return Tables(
        coding.cumulative(np.ones((places, 3))),
        coding.cumulative(np.ones((CLASSES, VALUES + 1))),
        coding.cumulative(np.ones((VALUES, 2 * REACH + 2))),
    )


def fitted(coefficients: Floats, step: float, price: float, classes: NDArray[np.uint8]) -> Tables:
    """Tables for the integers that heads' coefficients [H, B, M] become at a step and price."""
    integers = np.round(coefficients / step).astype(np.int64)
    integers[np.abs(coefficients) < 0.6 * step] = 0
    tables = counted(integers, classes)
    for _ in range(ROUNDS):
        integers = np.stack([choose(own, step, price, tables, classes) for own in coefficients])
        tables = counted(integers, classes)
    return tables


def counted(integers: Integers, classes: NDArray[np.uint8]) -> Tables:
    """Tables from the integers [H, B, M] of heads."""
    heads = len(integers)
    ends = _ends(integers)  # [H, B]
    used = ends >= 0
    kind = np.zeros(CLASSES)
    last = np.full((CLASSES, VALUES + 1), 0.3)
    for each in range(CLASSES):
        there = used[:, classes == each]
        kind[each] = (there.sum() + 0.5) / (there.size + 1)
        found = ends[:, classes == each][there]
        last[each, :-1] += np.bincount(found, minlength=VALUES)
    share = (used.sum(axis=0) + SPREAD * kind[classes]) / (heads + SPREAD)
    value = np.full((VALUES, 2 * REACH + 2), 0.05)
    for place in range(VALUES):
        coded = integers[:, :, place][ends >= place]
        inside = coded[np.abs(coded) <= REACH]
        own = np.bincount(inside + REACH, minlength=2 * REACH + 1)
        value[place, :-1] += own + own[::-1]  # no sign is likelier
        value[place, -1] += len(coded) - len(inside)
    padded = np.pad(value, ((BESIDE, BESIDE), (0, 0)), mode="edge")
    beside = np.lib.stride_tricks.sliding_window_view(padded, 2 * BESIDE + 1, axis=0).mean(axis=2)
    escape = np.full((len(share), 1), 1e-5)
    return Tables(
        coding.cumulative(np.concatenate([1 - share[:, None], share[:, None], escape], axis=1)),
        coding.cumulative(last),
        coding.cumulative(value + beside),
    )


def choose(
    coefficients: Floats,
    step: float,
    price: float,
    tables: Tables,
    classes: NDArray[np.uint8],
) -> Integers:
    """Integers [B, M] near coefficients [B, M] over the step, of least squared error plus bits.

    Exact but for neighbours' rounding: each coefficient is 0, or rounded towards or away from 0,
    and each block ends where that costs least.

    Args:
        coefficients: of one head.
        step: quantisation step.
        price: of a bit, in squared steps.
        tables: what bits are.
        classes: class [B] of each place.
    """
    chosen = np.zeros(coefficients.shape, dtype=np.int64)
    scaled = coefficients / step
    live = np.flatnonzero(np.abs(scaled).max(axis=1) > 0.5)
    if not len(live):
        return chosen
    y = scaled[live]
    used, last, value = (price * _bits(table) for table in tables)
    low = np.trunc(y)
    options = np.stack([np.zeros_like(y), low, low + np.sign(y)])
    rows = np.arange(VALUES)
    outside = np.abs(options) > REACH
    symbols = np.where(outside, 2 * REACH + 1, options + REACH).astype(np.int64)
    costs = (options - y) ** 2 + value[rows, symbols]
    payloads = 2 * (np.abs(options[outside]) - REACH - 1) + (options[outside] < 0)
    costs[outside] += price * (5 + np.floor(np.log2(payloads + 1)))
    best = costs.argmin(axis=0)[None]
    pick = np.take_along_axis(options, best, 0)[0]
    cost = np.take_along_axis(costs, best, 0)[0]
    square = y**2
    beyond = square.sum(axis=1, keepdims=True) - np.cumsum(square, axis=1)
    ending = np.cumsum(cost, axis=1) + beyond + last[classes[live]][:, :VALUES]
    ending[pick == 0] = np.inf
    end = ending.argmin(axis=1)
    coded = ending[np.arange(len(live)), end] + used[live, 1] < square.sum(axis=1) + used[live, 0]
    kept = coded[:, None] & (rows <= end[:, None])
    chosen[live] = np.where(kept, pick, 0).astype(np.int64)
    return chosen


def pack(integers: Integers, tables: Tables, classes: NDArray[np.uint8]) -> bytes:
    """Bytes of one head's integers [B, M]."""
    ends = _ends(integers)
    used = np.flatnonzero(ends >= 0)
    rows = [np.arange(ends[block] + 1) for block in used]
    values = [integers[block, : ends[block] + 1] for block in used]
    nothing = np.zeros(0, dtype=np.int64)
    return coding.encode_parts(
        [
            coding.Part((ends >= 0).astype(np.int64), np.arange(len(ends)), tables.used),
            coding.Part(ends[used], classes[used].astype(np.int64), tables.last),
            coding.Part(
                np.concatenate([nothing, *values]) + REACH,
                np.concatenate([nothing, *rows]),
                tables.value,
            ),
        ]
    )


def unpack(data: bytes, tables: Tables, classes: NDArray[np.uint8]) -> Integers:
    """The integers [B, M] that `pack` made these bytes of.

    Raises:
        ValueError: other bytes.
    """
    decoder = coding.Decoder(data)
    places = len(classes)
    used = decoder.read(np.arange(places), tables.used)
    if not np.isin(used, (0, 1)).all():
        raise ValueError("no such block")
    blocks = np.flatnonzero(used)
    ends = decoder.read(classes[blocks].astype(np.int64), tables.last)
    if len(ends) and not 0 <= ends.min() <= ends.max() < VALUES:
        raise ValueError("no such coefficient")
    rows = [np.arange(end + 1) for end in ends]
    values = decoder.read(np.concatenate([np.zeros(0, np.int64), *rows]), tables.value) - REACH
    decoder.close()
    integers = np.zeros((places, VALUES), dtype=np.int64)
    at = 0
    for block, end in zip(blocks, ends, strict=True):
        integers[block, : end + 1] = values[at : at + end + 1]
        at += end + 1
    return integers


def _ends(integers: Integers) -> Integers:
    """Place [..., B] of the last one that is not 0; -1 where all are."""
    some = integers != 0
    ends: Integers = VALUES - 1 - some[..., ::-1].argmax(axis=-1)
    return np.where(some.any(axis=-1), ends, -1)


def _bits(table: NDArray[np.uint32]) -> NDArray[np.float64]:
    return -np.log2(coding.probabilities(table))
