"""Hypotheses, written down before a run as predicates over its arms' measures."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, FiniteFloat, Tag, model_validator

from hexplane.plumbing.errors import UserError
from hexplane.plumbing.settings import Settings

Split = Literal["train", "held_out"]


class MeasureCondition(Settings):
    """What every condition names: a measure, on training heads or on held-out ones."""

    measure: str = Field(min_length=1, description="Measure that is compared.")
    split: Split = Field("held_out", description="Heads that it is taken on: train or held_out.")


class BoundCondition(MeasureCondition):
    """A measure of every arm, or of some arm, lies within bounds."""

    arms: list[str] = Field(
        min_length=1, description="Names of arms, or patterns with *, ? and [...]."
    )
    some: bool = Field(False, description="Whether one of the arms is enough, instead of all.")
    at_least: FiniteFloat | None = Field(None, description="Least value that holds.")
    at_most: FiniteFloat | None = Field(None, description="Greatest value that holds.")
    relative_to: str | None = Field(
        None,
        description="Arm whose value, at the same seed and split, divides each arm's.",
    )

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        low, high = self.at_least, self.at_most
        if low is None and high is None:
            raise ValueError("at_least, at_most or both are needed")
        if low is not None and high is not None and low > high:
            raise ValueError(f"at_least {low:g} is above at_most {high:g}")
        return self


class AgreementCondition(MeasureCondition):
    """The two arms of each pair have equal values."""

    pairs: list[tuple[str, str]] = Field(min_length=1, description="Pairs of arms, by name.")

    @model_validator(mode="after")
    def _different(self) -> Self:
        for first, second in self.pairs:
            if first == second:
                raise ValueError(f"{first!r} is paired with itself")
        return self


def _kind(condition: Any) -> str:
    pairs = isinstance(condition, AgreementCondition) or (
        isinstance(condition, dict) and "pairs" in condition
    )
    return "agreement" if pairs else "bound"


Condition = Annotated[
    Annotated[BoundCondition, Tag("bound")] | Annotated[AgreementCondition, Tag("agreement")],
    Discriminator(_kind),
]


class Hypothesis(Settings):
    """A claim, and the conditions that all hold where it is true."""

    claim: str = Field(min_length=1, description="The hypothesis in words.")
    holds_if: list[Condition] = Field(
        min_length=1, description="Conditions that must all hold, on each seed by itself."
    )


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """Arms that a name or pattern stands for, in their own order."""
    return [name for name in names if fnmatchcase(name, pattern)]


def check_arms(
    hypotheses: Mapping[str, Hypothesis],
    names: Collection[str],
    measures: Collection[str] | None = None,
) -> None:
    """Refuse hypotheses about arms, or measures if given, that do not exist.

    Raises:
        UserError: one line a mistake.
    """
    lines = [
        f"hypotheses.{name}.holds_if.{index}.{mistake}"
        for name, hypothesis in hypotheses.items()
        for index, condition in enumerate(hypothesis.holds_if)
        for mistake in _mistakes(condition, names, measures)
    ]
    if lines:
        raise UserError("\n".join(lines))


def _mistakes(
    condition: BoundCondition | AgreementCondition,
    names: Collection[str],
    measures: Collection[str] | None,
) -> Iterator[str]:
    there_are = f"(there are: {', '.join(names)})"
    if isinstance(condition, BoundCondition):
        reference = condition.relative_to
        for pattern in condition.arms:
            found = matching(pattern, names)
            if not found:
                yield f"arms: no arm matches {pattern!r} {there_are}"
            if reference in found:
                yield f"arms: {pattern!r} takes in {reference!r}, which the arms are relative to"
        if reference is not None and reference not in names:
            yield f"relative_to: no arm named {reference!r} {there_are}"
    else:
        for index, pair in enumerate(condition.pairs):
            for name in pair:
                if name not in names:
                    yield f"pairs.{index}: no arm named {name!r} {there_are}"
    if measures is not None and condition.measure not in measures:
        allowed = ", ".join(sorted(measures))
        yield f"measure: unknown measure {condition.measure!r} (allowed: {allowed})"
