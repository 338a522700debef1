"""What a run says on its hypotheses: supported, contradicted or undecided, with the numbers."""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hexplane.settings.hypotheses import (
    AgreementCondition,
    BoundCondition,
    HeadGroup,
    Hypothesis,
    matching,
)

Outcome = Literal["supported", "contradicted", "undecided"]
Held = dict[int, bool | None]
"""Whether something held, by seed; None where a missing value leaves it open."""


@dataclass(frozen=True)
class Series:
    """One arm's values by seed, as compared: relative ones are already divided.

    Mean and spread are over the seeds with a value: the mean is None where no seed has one, the
    spread (sample standard deviation) where fewer than two have or one is infinite.
    """

    arm: str
    values: dict[int, float | None]
    mean: float | None
    spread: float | None


@dataclass(frozen=True)
class Evidence:
    """An arm, or a pair's two, and whether it meets its condition."""

    series: tuple[Series, ...]
    held: Held


@dataclass(frozen=True)
class Finding:
    """A condition in words, the evidence on it, and whether it held."""

    asked: str
    evidence: tuple[Evidence, ...]
    held: Held


@dataclass(frozen=True)
class Verdict:
    """The outcome for one hypothesis; it held on a seed where all its conditions did."""

    name: str
    claim: str
    outcome: Outcome
    findings: tuple[Finding, ...]
    held: Held


def judge(
    hypotheses: Mapping[str, Hypothesis],
    rows: Iterable[Mapping[str, Any]],
    names: Sequence[str] | None = None,
) -> list[Verdict]:
    """Set each hypothesis against the table of runs.

    Args:
        hypotheses: By name.
        rows: One for each arm, seed and split, with its measures.
        names: Every arm, so that patterns also take in those without a row; without it,
            those of the rows.
    """
    table = _Table(rows, names)
    return [_verdict(table, name, hypothesis) for name, hypothesis in hypotheses.items()]


class _Table:
    """Rows by arm, seed and split."""

    def __init__(self, rows: Iterable[Mapping[str, Any]], names: Sequence[str] | None):
        self.rows: dict[tuple[str, int, str], Mapping[str, Any]] = {}
        for row in rows:
            key = (row["arm"], row["seed"], row["split"])
            if key in self.rows:
                raise ValueError(f"two rows for {key}")
            self.rows[key] = row
        self.seeds = sorted({seed for _, seed, _ in self.rows})
        self.names = list(dict.fromkeys(name for name, _, _ in self.rows))
        if names is not None:
            self.names = list(names)

    def arms(self, patterns: Iterable[str]) -> list[str]:
        """Arms of the patterns; one that matches none stays, as an arm without values."""
        found = [
            name for pattern in patterns for name in matching(pattern, self.names) or [pattern]
        ]
        return list(dict.fromkeys(found))

    def value(self, arm: str, seed: int, split: HeadGroup, measure: str) -> float | None:
        return _known(self.rows.get((arm, seed, split), {}).get(measure))


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)


def _every(parts: Iterable[bool | None]) -> bool | None:
    """Whether all hold, as far as the unknown ones leave it decided."""
    found = set(parts)
    if False in found:
        return False
    return None if None in found else True


def _some(parts: Iterable[bool | None]) -> bool | None:
    """Whether one holds, as far as the unknown ones leave it decided."""
    found = set(parts)
    if True in found:
        return True
    return None if None in found else False


def _verdict(table: _Table, name: str, hypothesis: Hypothesis) -> Verdict:
    findings = tuple(
        _bound(table, condition)
        if isinstance(condition, BoundCondition)
        else _agree(table, condition)
        for condition in hypothesis.holds_if
    )
    held = _by_seed(table, _every, findings)
    outcome: Outcome = "undecided"
    if held and all(part is True for part in held.values()):
        outcome = "supported"
    elif held and all(part is False for part in held.values()):
        outcome = "contradicted"
    return Verdict(name, hypothesis.claim, outcome, findings, held)


def _by_seed(
    table: _Table,
    join: Callable[[Iterable[bool | None]], bool | None],
    parts: Sequence[Evidence | Finding],
) -> Held:
    return {seed: join(part.held[seed] for part in parts) for seed in table.seeds}


def _bound(table: _Table, condition: BoundCondition) -> Finding:
    evidence = []
    for arm in table.arms(condition.arms):
        series = over_seeds(
            arm, {seed: _compared(table, condition, arm, seed) for seed in table.seeds}
        )
        held = {seed: _within(condition, value) for seed, value in series.values.items()}
        evidence.append(Evidence((series,), held))
    join = _some if condition.some else _every
    return Finding(_ask_bound(condition), tuple(evidence), _by_seed(table, join, evidence))


def _compared(table: _Table, condition: BoundCondition, arm: str, seed: int) -> float | None:
    """The arm's value, divided by the reference's if there is one."""
    value = table.value(arm, seed, condition.split, condition.measure)
    if condition.relative_to is None:
        return value
    reference = table.value(condition.relative_to, seed, condition.split, condition.measure)
    return _known(value / reference) if value is not None and reference else None


def _within(condition: BoundCondition, value: float | None) -> bool | None:
    if value is None:
        return None
    low, high = condition.at_least, condition.at_most
    return (low is None or value >= low) and (high is None or value <= high)


def _agree(table: _Table, condition: AgreementCondition) -> Finding:
    evidence = []
    for pair in condition.pairs:
        values = [
            {
                seed: table.value(arm, seed, condition.split, condition.measure)
                for seed in table.seeds
            }
            for arm in pair
        ]
        held = {seed: _equal(values[0][seed], values[1][seed]) for seed in table.seeds}
        series = tuple(over_seeds(arm, own) for arm, own in zip(pair, values, strict=True))
        evidence.append(Evidence(series, held))
    return Finding(_ask_agree(condition), tuple(evidence), _by_seed(table, _every, evidence))


def _equal(first: float | None, second: float | None) -> bool | None:
    return None if first is None or second is None else first == second


def over_seeds(arm: str, values: Mapping[int, float | None]) -> Series:
    """An arm's values with their mean and spread; NaN counts as a missing value."""
    values = {seed: _known(value) for seed, value in values.items()}
    known = [value for value in values.values() if value is not None]
    finite = all(math.isfinite(value) for value in known)
    mean = None
    if known:
        # Means of infinite values are infinite, or unknown if both signs occur.
        mean = statistics.fmean(known) if finite else _known(sum(known) / len(known))
    spread = statistics.stdev(known) if finite and len(known) > 1 else None
    return Series(arm, values, mean, spread)


_HEADS: dict[HeadGroup, str] = {"train": "training heads", "held_out": "held-out heads"}


def _ask_bound(condition: BoundCondition) -> str:
    arms = " or ".join(condition.arms)
    if len(condition.arms) > 1 or any(sign in arms for sign in "*?["):
        arms = f"{'some' if condition.some else 'every'} arm named {arms}"
    relative = condition.relative_to
    divided = f", divided by that of {relative}," if relative is not None else ""
    bounds = {"at least": condition.at_least, "at most": condition.at_most}
    within = " and ".join(f"{word} {b:.12g}" for word, b in bounds.items() if b is not None)
    return f"On {_HEADS[condition.split]}, {condition.measure} of {arms}{divided} is {within}."


def _ask_agree(condition: AgreementCondition) -> str:
    pairs = ", and for ".join(f"{first} and {second}" for first, second in condition.pairs)
    return f"On {_HEADS[condition.split]}, {condition.measure} is the same for {pairs}."
