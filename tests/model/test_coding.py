"""Symbols to bytes and back: exact, near the entropy, and the same bytes on every machine."""

import zlib

import numpy as np
import pytest

from hexplane.model import coding


def random_tables(rng, tables, symbols, bits=16):
    return coding.cumulative(rng.dirichlet(np.full(symbols, 0.3), tables), bits)


def drawn(rng, tables, count):
    """Indices [N] of tables, and a symbol [N] from each, escapes left out."""
    indices = rng.integers(len(tables), size=count)
    quantile = rng.integers(tables[indices, -2].astype(np.int64))
    return indices, (tables[indices] <= quantile[:, None]).sum(axis=1) - 1


def by_whole_numbers(symbols, indices, tables):
    """The same coder in Python's integers: no float anywhere."""
    checksum = zlib.crc32(b"".join(s.to_bytes(8, "little") for s in symbols))
    state, words = 1 << 16 | checksum & 0xFFFF, []
    total, count = int(tables[0, -1]), tables.shape[1] - 1
    for symbol, index in zip(symbols[::-1], indices[::-1], strict=True):
        row = [int(entry) * (2**24 - count) // total + i for i, entry in enumerate(tables[index])]
        row[-1] = 2**24
        first, slots = row[symbol], row[symbol + 1] - row[symbol]
        if state >= slots << 40:
            words.append(state & 0xFFFFFFFF)
            state >>= 32
        state = (state // slots << 24) + first + state % slots
    data = b"".join(word.to_bytes(4, "little") for word in words)
    return (data + state.to_bytes(8, "little")).rstrip(b"\0")


@pytest.mark.parametrize("symbols", [2, 3, 17, 256])
@pytest.mark.parametrize("bits", [8, 12, 16, 24])
def test_what_was_encoded_is_decoded(symbols, bits):
    rng = np.random.default_rng(symbols * bits)
    tables = random_tables(rng, 7, symbols, bits)
    for count in (0, 1, 5, 3000):
        indices, chosen = drawn(rng, tables, count)
        data = coding.encode_symbols(chosen, indices, tables)
        assert np.array_equal(coding.decode_symbols(data, indices, tables), chosen)


def test_many_symbols_pass_through_the_coder_in_pieces(monkeypatch):
    rng = np.random.default_rng(0)
    tables = random_tables(rng, 3, 9)
    indices, symbols = drawn(rng, tables, 1000)
    at_once = coding.encode_symbols(symbols, indices, tables)
    monkeypatch.setattr(coding, "ROWS", 64)
    assert coding.encode_symbols(symbols, indices, tables) == at_once
    assert np.array_equal(coding.decode_symbols(at_once, indices, tables), symbols)


@pytest.mark.parametrize("symbols", [2, 6, 64])
def test_bytes_are_those_of_a_coder_of_whole_numbers(symbols):
    rng = np.random.default_rng(symbols)
    for bits in (9, 16, 23):
        tables = random_tables(rng, 5, symbols, bits)
        indices, chosen = drawn(rng, tables, 400)
        expected = by_whole_numbers(chosen.tolist(), indices.tolist(), tables)
        assert coding.encode_symbols(chosen, indices, tables) == expected


def test_golden_bytes():
    tables = np.array([[0, 1, 9, 15, 16], [0, 4, 8, 12, 16]], np.uint32)
    indices = np.array([0, 1, 0, 1, 0, 0, 1, 1, 0, 0])
    symbols = np.array([1, 2, 0, 0, 2, -1, 1, 3, 70_000, 1])
    data = coding.encode_symbols(symbols, indices, tables)
    assert data.hex() == "34d1f22b3b0624822592"
    assert np.array_equal(coding.decode_symbols(data, indices, tables), symbols)


@pytest.mark.parametrize("symbols", [3, 5, 40])
def test_size_is_near_the_entropy(symbols):
    rng = np.random.default_rng(symbols)
    tables = random_tables(rng, 20, symbols)
    indices, chosen = drawn(rng, tables, 20_000)
    slots = tables[indices, chosen + 1].astype(float) - tables[indices, chosen]
    entropy = -np.log2(slots / 2**16).sum()
    assert coding.cost(chosen, indices, tables) == pytest.approx(entropy)
    size = len(coding.encode_symbols(chosen, indices, tables))
    assert entropy / 8 - 1 < size < entropy / 8 * 1.01 + 8


def test_a_short_message_costs_less_than_six_bytes_beyond_its_bits():
    rng = np.random.default_rng(1)
    tables = random_tables(rng, 4, 12)
    for count in range(1, 60):
        indices, chosen = drawn(rng, tables, count)
        bits = coding.cost(chosen, indices, tables)
        assert len(coding.encode_symbols(chosen, indices, tables)) < bits / 8 + 6


@pytest.mark.parametrize("symbols", [2, 9])
def test_every_integer_can_be_coded_and_costs_what_is_said(symbols):
    tables = random_tables(np.random.default_rng(0), 3, symbols)
    near = np.arange(-30, 40)
    far = np.array([-(2**30), -1000, symbols - 1, 1000, 2**30 - 1])
    values = np.concatenate([near, far, near])
    indices = np.arange(len(values)) % 3
    data = coding.encode_symbols(values, indices, tables)
    assert np.array_equal(coding.decode_symbols(data, indices, tables), values)
    assert abs(8 * len(data) - coding.cost(values, indices, tables)) < 64


def test_a_symbol_without_a_slot_can_be_coded():
    tables = np.array([[0, 0, 16, 16, 16]], np.uint32)
    values = np.array([0, 1, 2, 1, 0, 5])
    data = coding.encode_symbols(values, np.zeros(6, int), tables)
    assert np.array_equal(coding.decode_symbols(data, np.zeros(6, int), tables), values)


def test_parts_are_read_in_order_and_the_first_can_choose_the_tables_of_the_next():
    rng = np.random.default_rng(4)
    first, second = random_tables(rng, 1, 4), random_tables(rng, 3, 30)
    _, symbols = drawn(rng, first, 50)
    values = rng.integers(-5, 60, size=50)
    data = coding.encode_parts(
        [coding.Part(symbols, np.zeros(50, int), first), coding.Part(values, symbols, second)]
    )
    decoder = coding.Decoder(data)
    contexts = decoder.read(np.zeros(50, int), first)
    assert np.array_equal(decoder.read(contexts, second), values)
    decoder.close()
    assert np.array_equal(contexts, symbols)


@pytest.mark.parametrize("change", ["cut", "cut words", "none", "more", "zero", "bit", "tables"])
def test_other_bytes_are_refused(change):
    rng = np.random.default_rng(5)
    tables = random_tables(rng, 3, 12)
    indices, symbols = drawn(rng, tables, 500)
    data = coding.encode_symbols(symbols, indices, tables)
    changed = {
        "cut": data[:-1],
        "cut words": data[:-9],
        "none": b"",
        "more": data + b"\1",
        "zero": data + b"\0",
        "bit": data[:-2] + bytes([data[-2] ^ 1]) + data[-1:],
        "tables": data,
    }[change]
    with pytest.raises(ValueError, match="not the bytes"):
        coding.decode_symbols(changed, indices, tables[::-1] if change == "tables" else tables)


def test_tables_are_near_their_weights_and_leave_out_no_symbol():
    rng = np.random.default_rng(6)
    weights = rng.dirichlet(np.full(40, 0.2), 50) * rng.uniform(1, 1e6, (50, 1))
    weights[3] = 0
    weights[4] = np.eye(40)[7]
    tables = coding.cumulative(weights)
    slots = np.diff(tables.astype(np.int64), axis=1)
    assert tables.dtype == np.uint32
    assert (tables[:, 0] == 0).all() and (tables[:, -1] == 2**16).all() and slots.min() >= 1
    shares = weights / np.where(weights.sum(1, keepdims=True), weights.sum(1, keepdims=True), 1)
    shares[3] = 1 / 40
    assert abs(slots - (1 + shares * (2**16 - 40))).max() < 1
    assert slots[3].max() - slots[3].min() <= 1
    assert np.allclose(coding.probabilities(tables), slots / 2**16)


@pytest.mark.parametrize(
    ("tables", "why"),
    [
        (np.array([[0, 3, 12]], np.uint32), "power of two"),
        (np.array([[0, 1, 2**25]], np.uint32), "power of two"),
        (np.array([[0, 16]], np.uint32), "two symbols"),
        (np.array([[0, 3, 16], [0, 3, 8]], np.uint32), "power of two"),
        (np.array([[1, 3, 16]], np.uint32), "begin with 0"),
        (np.array([[0, 5, 3, 16]], np.uint32), "never to fall"),
        (np.array([[0, 3, 16]], np.int64), "uint32"),
        (np.array([0, 3, 16], np.uint32), "uint32"),
    ],
)
def test_what_is_no_table_is_refused(tables, why):
    with pytest.raises(ValueError, match=why):
        coding.encode_symbols([0], [0], tables)
    with pytest.raises(ValueError, match=why):
        coding.decode_symbols(b"\1", [0], tables)


@pytest.mark.parametrize(
    ("symbols", "indices", "why"),
    [
        ([0, 1], [0], "2 symbols"),
        ([0], [1], "1 tables"),
        ([0], [-1], "1 tables"),
        ([2**40], [0], "far"),
    ],
)
def test_symbols_that_do_not_fit_are_refused(symbols, indices, why):
    with pytest.raises(ValueError, match=why):
        coding.encode_symbols(symbols, indices, np.array([[0, 3, 16]], np.uint32))


@pytest.mark.parametrize("weights", [[1.0, -1.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(ValueError, match="negative or not finite"):
        coding.cumulative(weights)


def test_more_symbols_than_slots_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        coding.cumulative(np.ones(300), bits=8)
