"""Tables of a latent's symbols: what they say, code and draw."""

import math

import pytest
import torch

from hexplane.model.tables import SymbolTables, code_diagnostics, shares


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _probabilities(tables, rate=0):
    return tables.slots[rate].double() / 2**15


def test_before_the_fit_every_symbol_is_as_likely():
    tables = SymbolTables(7, 5)
    symbols = torch.randint(5, (3, 7), generator=_generator())
    assert tables.nats(symbols).sub(math.log(5)).abs().max() < 1e-3


def test_many_heads_outweigh_what_is_shared_and_one_does_not():
    """Two places whose symbols are drawn from distributions of their own, unlike the shared one."""
    own = torch.tensor([[0.7, 0.2, 0.1], [0.05, 0.05, 0.9]])
    symbols = torch.multinomial(own, 4000, replacement=True, generator=_generator()).T
    shared = torch.full((2, 3), 1 / 3)
    tables = SymbolTables(2, 3)
    tables.fit(symbols, shared)
    assert (_probabilities(tables)[:, :3] - own).abs().max() < 0.03
    skewed = torch.tensor([[0.6, 0.3, 0.1]] * 2)
    tables.fit(torch.tensor([[2, 1]]), skewed)
    assert (_probabilities(tables)[:, :3] - skewed).abs().max() < 0.01


def test_shared_distribution_counts_as_far_as_heads_agree_with_it():
    """Places that all follow the shared distribution keep it though heads are few."""
    shared = torch.tensor([[0.5, 0.25, 0.15, 0.1]]).expand(2000, 4)
    symbols = torch.multinomial(shared[0], 8 * 2000, replacement=True, generator=_generator())
    tables = SymbolTables(2000, 4)
    tables.fit(symbols.reshape(8, 2000), shared)
    assert (_probabilities(tables)[:, :4] - shared).abs().max() < 0.03


def test_tables_of_fitted_heads_foretell_new_ones_better_than_counts_alone():
    generator = _generator(1)
    spread = torch.distributions.Dirichlet(torch.full((6,), 0.5)).sample((300,))
    symbols = torch.multinomial(spread, 30, replacement=True, generator=generator).T
    train, test = symbols[:15], symbols[15:]
    tables = SymbolTables(300, 6)
    tables.fit(train, shares(train, 6, 1))
    counts = torch.nn.functional.one_hot(train, 6).sum(0) + 1.0
    alone = -(counts / counts.sum(1, keepdim=True)).log()[torch.arange(300), test]
    assert tables.nats(test).mean() < alone.mean()
    assert tables.nats(test).mean() < math.log(6)


def test_symbols_come_back_and_take_the_bits_that_the_tables_say():
    symbols = (torch.rand(20, 5000, generator=_generator()).square() * 7).long()
    tables = SymbolTables(5000, 7, rates=2)
    tables.fit(symbols, shares(symbols, 7, 5), rate=1)
    for rate in (0, 1):
        data = tables.encode(symbols[3], rate)
        assert torch.equal(tables.decode(data, rate), symbols[3])
        bits = float(tables.nats(symbols[3:4], rate).sum()) / math.log(2)
        assert 8 * len(data) == pytest.approx(bits, rel=0.01, abs=64)
    assert len(tables.encode(symbols[3], 1)) < 0.95 * len(tables.encode(symbols[3], 0))
    with pytest.raises(ValueError, match="not the bytes"):
        tables.decode(data[:-3], 1)


def test_an_escape_is_coded_and_never_drawn():
    symbols = torch.randint(-40, 40, (10, 50), generator=_generator())
    tables = SymbolTables(50, 9, escape=True)
    tables.fit(symbols, torch.full((50, 10), 0.1))
    assert torch.equal(tables.decode(tables.encode(symbols[0])), symbols[0])
    drawn = tables.draw(200, _generator())
    assert drawn.min() >= 0
    assert drawn.max() <= 8


def test_draws_follow_the_tables():
    symbols = torch.stack([torch.arange(4), torch.tensor([0, 0, 3, 3])]).repeat(50, 1)
    tables = SymbolTables(4, 4)
    tables.fit(symbols, torch.full((4, 4), 0.25))
    drawn = tables.draw(20_000, _generator())
    found = torch.nn.functional.one_hot(drawn, 4).double().mean(0)
    assert (found - _probabilities(tables)[:, :4]).abs().max() < 0.02
    assert torch.equal(drawn, tables.draw(20_000, _generator()))
    assert not torch.equal(drawn, tables.draw(20_000, _generator(1)))


def test_shares_are_those_of_each_stretch():
    symbols = torch.tensor([[0, 0, 1, 2], [0, 1, 1, 1]])
    found = shares(symbols, 3, 2)
    expected = torch.tensor([[3, 1, 0], [3, 1, 0], [0, 3, 1], [0, 3, 1]]) + 1 / 3
    assert torch.allclose(found, expected / 5)


def test_code_diagnostics_of_known_codes():
    symbols = torch.tensor([[0, 1, 2], [0, 1, 2], [0, 2, 1], [0, 1, 1]])
    nats = torch.full((4, 3), 0.5)
    found = code_diagnostics(symbols.float(), symbols, nats, [b"ab", b"ab", b"abcd", b""])
    assert found["kl"] == pytest.approx(1.5)
    assert found["bits"] == 16
    assert found["active_units"] == 2
    # Codes come up 2, 1 and 1 times.
    assert found["mutual_information"] == pytest.approx(1.5 * math.log(2))
    assert found["marginal_kl"] == pytest.approx(1.5 - 1.5 * math.log(2))
    parts = torch.tensor([4, 5, 3]) / 12
    assert found["symbols_used"] == pytest.approx(float((-(parts * parts.log()).sum()).exp()))


@pytest.mark.parametrize("change", [-(2**14), 1])
def test_what_was_read_and_is_no_table_is_refused(change):
    tables = SymbolTables(3, 2)
    state = {"slots": tables.slots.clone()}
    state["slots"][0, 1, 0] += change
    with pytest.raises(ValueError, match="slots are not"):
        tables.load_state_dict(state)
