"""Corrections in blocks: inverses, the cheapest choice, and bytes near their entropy."""

import numpy as np
import pytest

from hexplane.model import blocks, coding

PLACES = 27
RNG = np.random.default_rng(0)
ENERGY = np.where(np.arange(PLACES) % 3 == 0, 0.0, 1.0 + np.arange(PLACES) / PLACES)


def sparse(heads: int) -> np.ndarray:
    """Coefficients [H, B, M] that fall off with their place, in two places of three."""
    decay = np.exp(-np.arange(blocks.VALUES) / 20)
    return RNG.laplace(size=(heads, PLACES, blocks.VALUES)) * decay * ENERGY[:, None] * 3


def test_blocks_of_a_field_join_to_it():
    field = RNG.normal(size=(24, 24, 24))
    parts = blocks.split(field)
    assert parts.shape == (27, 512)
    assert np.array_equal(parts[1].reshape(8, 8, 8), field[:8, :8, 8:16])  # z runs fastest
    assert np.array_equal(blocks.join(parts), field)


def test_directions_are_those_of_the_covariance():
    mixed = RNG.normal(size=(2000, 3)) * [3.0, 2.0, 1.0]
    frame = np.linalg.qr(RNG.normal(size=(512, 3)))[0].T
    rows = blocks.directions(mixed @ frame)
    np.testing.assert_allclose(rows @ rows.T, np.eye(512), atol=1e-4)
    found = np.abs(rows[:3] @ frame.T)
    assert (np.diag(found) > 0.99).all()


def test_places_are_told_apart_by_energy():
    kinds = blocks.classes_of(sparse(20))
    assert (kinds[ENERGY == 0] == 0).all() and (kinds[ENERGY > 0] >= 1).all()
    assert kinds.max() == blocks.CLASSES - 1


@pytest.fixture(scope="module")
def trained() -> tuple[blocks.Tables, np.ndarray]:
    heads = sparse(30)
    kinds = blocks.classes_of(heads)
    return blocks.fitted(heads, 1.0, 0.3, kinds), kinds


def test_integers_survive_their_code(trained: tuple[blocks.Tables, np.ndarray]):
    tables, kinds = trained
    for integers in (
        blocks.choose(sparse(1)[0], 1.0, 0.3, tables, kinds),
        np.zeros((PLACES, blocks.VALUES), dtype=np.int64),
        RNG.integers(-40, 40, size=(PLACES, blocks.VALUES)),
    ):
        assert np.array_equal(
            blocks.unpack(blocks.pack(integers, tables, kinds), tables, kinds), integers
        )


def test_other_bytes_are_refused(trained: tuple[blocks.Tables, np.ndarray]):
    tables, kinds = trained
    whole = blocks.pack(blocks.choose(sparse(1)[0], 1.0, 0.3, tables, kinds), tables, kinds)
    for position in range(0, len(whole), 7):
        altered = bytearray(whole)
        altered[position] ^= 0x10
        with pytest.raises(ValueError):
            blocks.unpack(bytes(altered), tables, kinds)


def cost(
    integers: np.ndarray, coefficients: np.ndarray, tables: blocks.Tables, kinds: np.ndarray
) -> float:
    """Squared error and bits at a price of 0.3, counted symbol by symbol."""
    bits = 0.0
    for block, own in enumerate(integers):
        some = np.flatnonzero(own)
        bits += coding.cost([len(some) > 0], [block], tables.used)
        if len(some):
            bits += coding.cost([some[-1]], [kinds[block]], tables.last)
            coded = own[: some[-1] + 1] + blocks.REACH
            bits += coding.cost(coded, np.arange(some[-1] + 1), tables.value)
    return float(np.square(integers - coefficients).sum() + 0.3 * bits)


def test_nothing_near_the_choice_is_cheaper(trained: tuple[blocks.Tables, np.ndarray]):
    tables, kinds = trained
    coefficients = sparse(1)[0]
    coefficients[2, :2] *= 30  # beyond the symbols of the tables
    chosen = blocks.choose(coefficients, 1.0, 0.3, tables, kinds)
    least = cost(chosen, coefficients, tables, kinds)
    assert least < cost(np.round(coefficients).astype(int), coefficients, tables, kinds)
    for _ in range(60):
        other = chosen.copy()
        place = RNG.integers(PLACES), RNG.integers(60)
        other[place] += RNG.choice([-1, 1])
        assert cost(other, coefficients, tables, kinds) >= least - 1e-9
    for block in range(PLACES):
        other = chosen.copy()
        other[block] = 0
        assert cost(other, coefficients, tables, kinds) >= least - 1e-9


def test_tables_of_heads_code_others_near_their_entropy(
    trained: tuple[blocks.Tables, np.ndarray],
):
    tables, kinds = trained
    even = blocks.even_tables(PLACES)
    chosen = blocks.choose(sparse(1)[0], 1.0, 0.3, tables, kinds)
    bits = cost(chosen, chosen, tables, kinds) / 0.3
    assert abs(8 * len(blocks.pack(chosen, tables, kinds)) - bits) < 64
    assert len(blocks.pack(chosen, tables, kinds)) < 0.7 * len(blocks.pack(chosen, even, kinds))
