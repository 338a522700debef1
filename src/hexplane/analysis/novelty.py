"""What the draws of each arm are worth, beside real heads and what was hoped for."""

import statistics
from dataclasses import dataclass
from typing import Any

from hexplane.plumbing.errors import UserError
from hexplane.results import Results
from hexplane.settings.novelty import ACCURACY_TARGET, CLOSED_TARGET

BESIDE = {
    "held_out": "held-out heads",
    "decoded": "the same through the codec",
    "train": "training heads",
    "real": "real heads beside real heads",
}
"""What sets of draws are set beside, in words."""
SHAPES = {"draws": "drawn", "decoded": "held-out, through the codec", "held_out": "held-out"}


@dataclass(frozen=True)
class Sets:
    """1-NNA and coverage of sets of equal size; means, and between what they are."""

    size: int
    sets: int
    accuracy: float
    accuracy_least: float
    accuracy_most: float
    coverage: float
    coverage_least: float
    coverage_most: float


@dataclass(frozen=True)
class Drawn:
    """The draws of one arm.

    Attributes:
        arm: its name.
        prior: what it draws from, in words.
        count: how many were drawn.
        temperature: how near to the typical head they are.
        shapes: shares of `hexplane.metrics.novelty.shares` by the keys of `SHAPES`; None where
            there are no such heads.
        nearest: mean distance to the nearest training head by the same keys.
        samples: by the keys of `BESIDE`; None where there are too few heads.
        heads: each draw's nearest training head, and whether it is its mirror image.
        bits: of a held-out head as packed; None where there is no packed size.
        bits_learned: of the same by a learned autoregressive prior; None where there is none.
    """

    arm: str
    prior: str
    count: int
    temperature: float
    shapes: dict[str, dict[str, float] | None]
    nearest: dict[str, float | None]
    samples: dict[str, Sets | None]
    heads: list[tuple[str, bool] | None]
    bits: float | None
    bits_learned: float | None

    @property
    def ratio(self) -> float | None:
        """How far draws are from the nearest training head, by how far held-out heads through the
        codec are: well below 1 where training heads are drawn again."""
        own, other = self.nearest["draws"], self.nearest["decoded"]
        return own / other if own is not None and other else None

    @property
    def reached(self) -> dict[str, bool | None]:
        """Whether targets are met; None where that cannot be said."""
        shapes, beside = self.shapes["draws"], self.samples["held_out"]
        return {
            "whole": None if shapes is None else shapes["whole"] >= CLOSED_TARGET,
            "accuracy": None if beside is None else beside.accuracy <= ACCURACY_TARGET,
            "nearest": None if self.ratio is None else self.ratio >= 1,
        }


def drawn(results: Results) -> list[Drawn]:
    """Of each arm that drew heads.

    Raises:
        UserError: a file is missing or damaged.
    """
    return [_drawn(results, arm) for arm in results.settings.drawn]


def _drawn(results: Results, arm: str) -> Drawn:
    about, found = results.draws(arm), results.novelty(arm)
    groups = results.diagnostics(arm)["groups"]
    group = groups.get("held_out", groups["train"])
    try:
        return Drawn(
            arm,
            str(about["prior"]),
            int(about["spec"]["count"]),
            float(about["spec"]["temperature"]),
            {key: found["shapes"][key] for key in SHAPES},
            {key: _mean(found["nearest"][key]) for key in SHAPES},
            {key: own and Sets(**own) for key in BESIDE for own in [found["samples"][key]]},
            [own and (str(own[0]), bool(own[1])) for own in found["nearest_heads"]],
            group.get("bits"),
            group.get("bits_autoregressive"),
        )
    except (KeyError, TypeError, ValueError, IndexError):
        path = results.novelty_path(arm)
        raise UserError(f"{path}: no measures of drawn heads in it") from None


def _mean(values: list[Any]) -> float | None:
    return statistics.fmean(values) if values else None
