"""Arms and their rivals over file sizes: means over the heads of a family, and the table of all."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hexplane.metrics.table import f_score, thresholds_of
from hexplane.plumbing.splits import SPLITS
from hexplane.plumbing.tables import write_table
from hexplane.results import RatePoint, Results
from hexplane.settings.rates import shown

_TITLES = {"train": "Training heads", "validation": "Validation heads", "test": "Test heads"}


def family_title(key: str) -> str:
    """Heads of a part of the split, or of another family, in words."""
    return _TITLES.get(key, f"Heads of the family {key}")


@dataclass(frozen=True)
class Level:
    """Means over the heads of a family, of files of at most so many bytes.

    Attributes:
        budget: the most bytes.
        bytes: of a file.
        chamfer: None where some head's is infinite.
        f_scores: by threshold.
        encode_seconds, decode_seconds: of a head; None of what is not encoded.
    """

    budget: int
    bytes: float
    chamfer: float | None
    f_scores: dict[float, float]
    encode_seconds: float | None
    decode_seconds: float | None


@dataclass(frozen=True)
class Decoder:
    """What a reader of a method's files needs, and what that took to make; None of a library."""

    bytes: int | None
    seconds: float | None


@dataclass(frozen=True)
class Family:
    """Heads of one kind, and every method over its file sizes.

    Attributes:
        key: a part of the split, or another family's name.
        title: the same in words.
        heads: their names.
        curves: levels of each method that was measured on all of them, from the smallest budget;
            none where there are heads that no file of it fits.
    """

    key: str
    title: str
    heads: list[str]
    curves: dict[str, list[Level]]

    @property
    def thresholds(self) -> list[float]:
        """Those of the F-scores."""
        return next(list(own[0].f_scores) for own in self.curves.values() if own)

    def at(self, method: str, budget: int) -> Level | None:
        """The level of the largest files within a budget; None where there is none as small."""
        within = [level for level in self.curves[method] if level.budget <= budget]
        return within[-1] if within else None


def families(results: Results) -> list[Family]:
    """Test heads first, then other families, then what is left of the split."""
    if not results.rated:
        return []
    order = ["test", *results.settings.others, *(own for own in SPLITS if own != "test")]
    found = []
    for key in order:
        heads = [mesh for mesh, split in results.heads.items() if split == key]
        if heads:
            title = family_title(key)
            curves = {
                method: _curve(results, method, heads)
                for method, measured in results.rated.items()
                if set(heads) <= set(measured)
            }
            found.append(Family(key, title, heads, curves))
    return found


def budgets_shown(results: Results) -> tuple[int, ...]:
    """Budgets that tables and pictures are at."""
    return shown(results.settings.budgets)


def decoders(results: Results) -> dict[str, Decoder]:
    """What each method's decoder takes."""
    return {
        method: Decoder(results.decoder_bytes(method), results.fit_seconds(method))
        for method in results.rated
    }


def within(points: Sequence[RatePoint], budget: int) -> RatePoint | None:
    """The point of the largest file of at most so many bytes; None where there is none."""
    fitting = [point for point in points if point.budget <= budget]
    return fitting[-1] if fitting else None


def _curve(results: Results, method: str, heads: list[str]) -> list[Level]:
    """One level for each budget at which some head has another file than at the one before."""
    points = [results.rate_points[method, mesh] for mesh in heads]
    budgets = sorted({point.budget for own in points for point in own})
    levels = []
    for budget in budgets:
        chosen = [within(own, budget) for own in points]
        fitting = [point for point in chosen if point is not None]
        # Of fewer heads a mean would be of other heads than at the next budget.
        if len(fitting) == len(heads):
            levels.append(_level(budget, fitting))
    return levels


def _level(budget: int, points: list[RatePoint]) -> Level:
    chamfers = [point.metrics["chamfer_l1"] for point in points]
    thresholds = thresholds_of(list(points[0].metrics))
    return Level(
        budget,
        statistics.fmean(point.bytes for point in points),
        None if None in chamfers else statistics.fmean(chamfers),
        {
            own: statistics.fmean(point.metrics[f_score(own)] for point in points)
            for own in thresholds
        },
        _mean([point.encode_seconds for point in points]),
        _mean([point.decode_seconds for point in points]),
    )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if len(known) == len(values) else None


def write_rates(path: Path, results: Results) -> None:
    """Write every point as CSV; infinite distances read `inf`, and what is not there is empty."""
    found = decoders(results)
    rows = []
    for points in results.rate_points.values():
        for point in points:
            keys = {name: getattr(point, name) for name in ("method", "mesh", "split")}
            sizes = {"budget": point.budget, "bytes": point.bytes}
            metrics = {
                name: value
                for name, value in point.metrics.items()
                if name == "chamfer_l1" or thresholds_of([name])
            }
            seconds = {
                "encode_seconds": point.encode_seconds,
                "decode_seconds": point.decode_seconds,
                "decoder_bytes": found[point.method].bytes,
                "fit_seconds": found[point.method].seconds,
            }
            rows.append(
                keys | sizes | {name: _cell(own) for name, own in metrics.items()} | seconds
            )
    write_table(path, rows)


def _cell(value: Any) -> Any:
    return "inf" if value is None else value
