"""The autoregressive prior: what it may look at, that it learns, and that it draws what it says."""

import math

import pytest
import torch

from hexplane.model import autoregressive
from hexplane.model.autoregressive import MaskedPrior
from hexplane.model.tables import SymbolTables, shares

SHAPE = (2, 2, 5, 6)
GROUPS, PLACES = 4, 4 * 30


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def _order(place):
    """When a place of the flattened latent has its turn: cells in rows, groups in a cell."""
    group, cell = divmod(place, 30)
    return cell * GROUPS + group


def _scrambled(entries=4):
    """A prior that says something about everything that it may look at."""
    prior = MaskedPrior(SHAPE, entries)
    for parameter in prior.parameters():
        parameter.copy_(torch.randn_like(parameter) * 0.5)
    return prior


def _tables(symbols=None, count=3):
    tables = SymbolTables(PLACES, count)
    if symbols is not None:
        tables.fit(symbols, shares(symbols, count, GROUPS))
    return tables


def _waves(heads, strength=1.0):
    """Symbols that follow the cell to their left, and the group before, with that probability."""
    symbols = torch.randint(3, (heads, *SHAPE))
    flat = symbols.flatten(1, 2)
    follow = torch.rand(flat.shape) < strength
    for column in range(1, 6):
        flat[..., column] = torch.where(
            follow[..., column], flat[..., column - 1], flat[..., column]
        )
    for group in (1, 3):
        flat[:, group] = torch.where(follow[:, group], flat[:, group - 1], flat[:, group])
    return flat.flatten(1)


def test_a_symbol_is_foretold_from_those_before_it_alone():
    prior, tables = _scrambled(), _tables()
    symbols = torch.randint(3, (1, PLACES))
    before = prior._logits(autoregressive._standardised(symbols, tables), torch.zeros(()))
    seen = set()
    for place in range(PLACES):
        changed = symbols.clone()
        changed[0, place] = (changed[0, place] + 1) % 3
        after = prior._logits(autoregressive._standardised(changed, tables), torch.zeros(()))
        moved = (after - before)[0].abs().amax(1).gt(1e-6).nonzero()[:, 0].tolist()
        assert all(_order(other) > _order(place) for other in moved)
        seen.update(moved)
    # All but the first are foretold from something.
    assert len(seen) == PLACES - 1


def test_until_it_has_learned_it_says_what_the_tables_say():
    symbols = _waves(12)
    tables = _tables(symbols)
    prior = MaskedPrior(SHAPE, 4)
    few = symbols[: autoregressive.ASIDE - 1]
    prior.fit(few, shares(few, 3, GROUPS), 1.0, tables)
    assert torch.allclose(prior.nats(symbols, tables), tables.nats(symbols), atol=1e-3)


def test_it_foretells_new_heads_better_than_tables_where_there_is_something_to_learn():
    train, test = _waves(60, 0.9), _waves(30, 0.9)
    tables, prior = _tables(), MaskedPrior(SHAPE, 4)
    shared = shares(train, 3, GROUPS)
    weight = tables.fit(train, shared)
    prior.fit(train, shared, weight, tables)
    table_bits = float(tables.nats(test).sum() / 30) / math.log(2)
    assert prior.bits(test, tables) < 0.6 * table_bits
    assert prior.bits(test, tables) == pytest.approx(
        float(prior.nats(test, tables).sum() / 30) / math.log(2), rel=1e-5
    )
    assert not any(parameter.requires_grad for parameter in prior.parameters())
    # What it draws has the neighbours' likeness, which draws of the tables lack.
    drawn = prior.draw(40, torch.Generator().manual_seed(0), tables)
    same = torch.Generator().manual_seed(0)
    assert torch.equal(drawn, prior.draw(40, same, tables))
    alike = [
        float((own.unflatten(1, (4, 5, 6)).diff(dim=-1) == 0).float().mean())
        for own in (drawn, test, tables.draw(40, same))
    ]
    assert alike[0] == pytest.approx(alike[1], abs=0.1)
    assert alike[2] < alike[1] - 0.3


def test_equal_heads_give_equal_weights_whatever_was_drawn_before(monkeypatch):
    monkeypatch.setattr(autoregressive, "STEPS", 20)
    train, tables = _waves(40, 0.9), _tables()
    shared = shares(train, 3, GROUPS)
    weight = tables.fit(train, shared)
    fitted = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        fitted.append(MaskedPrior(SHAPE, 4))
        fitted[-1].fit(train, shared, weight, tables)
    same = zip(*(own.parameters() for own in fitted), strict=True)
    assert all(torch.equal(one, other) for one, other in same)
    assert all(own.any() for own in fitted[0].parameters())


def test_where_symbols_are_independent_it_costs_no_more_than_tables():
    train, test = _waves(40, 0.0), _waves(30, 0.0)
    tables, prior = _tables(), MaskedPrior(SHAPE, 4)
    shared = shares(train, 3, GROUPS)
    prior.fit(train, shared, tables.fit(train, shared), tables)
    assert prior.nats(test, tables).sum() < 1.01 * tables.nats(test).sum()


def test_draws_follow_what_is_said_of_them():
    """Each drawn symbol is one that its distribution given the ones before it can give: over many
    draws the probabilities said at their turn agree with how often symbols came up."""
    prior, tables = _scrambled(), _tables(_waves(30, 0.5))
    drawn = prior.draw(3000, torch.Generator().manual_seed(1), tables)
    logits = prior._logits(
        autoregressive._standardised(drawn, tables), autoregressive._base(tables)
    )
    said = logits[..., :3].softmax(2).mean(0)  # an escape is never drawn
    found = torch.nn.functional.one_hot(drawn, 3).float().mean(0)
    assert (said - found).abs().max() < 0.05
    assert found.std(0).max() > 0.1
