"""The metrics, one row each; whoever measures, judges or shows them reads this table.

Nothing is imported here that a configuration's reader would not have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hexplane.metrics.comparison import Comparison

PREFERRED_THRESHOLD = 0.01


@dataclass(frozen=True)
class Metric:
    """One measure of a reconstruction.

    Attributes:
        name: key in metrics files and tables; `{threshold}` makes a row for each threshold.
        value: what it is, of a comparison; with a threshold, of that too.
        empty: its value where the reconstruction has no faces; None: infinite, of a distance.
        label: heading on the page.
        better: 1 where more is better, -1 where less is.
        digits: shown behind the point; None: a number of bytes.
        column: place among the columns of the page; 0: none.
        judged: whether the table of runs has it, and so hypotheses can be about it.
        of_latent: whether it is the latent's, which an oracle lacks.
    """

    name: str
    value: Callable[..., Any]
    empty: Any = None
    label: str = ""
    better: int = 0
    digits: int | None = 3
    column: int = 0
    judged: bool = False
    of_latent: bool = False

    def of(self, comparison: Comparison) -> Any:
        """The value of a comparison."""
        return self.empty if comparison.empty else self.value(comparison)


METRICS = (
    Metric("empty", lambda c: c.empty, True, label="Empty"),
    Metric(
        "accuracy", lambda c: float(c.there.mean()), None, label="Accuracy", better=-1, digits=5
    ),
    Metric(
        "completeness",
        lambda c: float(c.back.mean()),
        None,
        label="Completeness",
        better=-1,
        digits=5,
    ),
    Metric(
        "chamfer_l1",
        lambda c: float((c.there.mean() + c.back.mean()) / 2),
        None,
        label="Chamfer-L1",
        better=-1,
        digits=5,
        column=2,
        judged=True,
    ),
    Metric(
        "source_completeness",
        lambda c: float(c.from_source.mean()) if len(c.from_source) else None,
        None,
        label="Completeness of the source's own surface",
        better=-1,
        digits=5,
    ),
    Metric(
        "distance_95",
        lambda c: c.quantile(0.95),
        None,
        label="95 % distance",
        better=-1,
        digits=5,
    ),
    Metric(
        "distance_max",
        lambda c: c.quantile(1.0),
        None,
        label="Maximum distance",
        better=-1,
        digits=5,
    ),
    Metric(
        "normal_consistency",
        lambda c: float((c.there_normals.mean() + c.back_normals.mean()) / 2),
        0.0,
        label="Normal consistency",
        better=1,
        column=4,
    ),
    Metric(
        "f_score_{threshold}",
        lambda c, threshold: c.f_score(threshold),
        0.0,
        label="F at {threshold}",
        better=1,
        column=1,
        judged=True,
    ),
    Metric("iou", lambda c: c.iou, 0.0, label="IoU", better=1, column=3, judged=True),
    Metric("watertight", lambda c: c.closed, False, label="Watertight", better=1),
    Metric("outward", lambda c: c.outward, False, label="Outward", better=1),
    Metric("components", lambda c: int(c.reconstruction.body_count), 0, label="Components"),
    Metric("euler_number", lambda c: int(c.reconstruction.euler_number), 0, label="Euler number"),
    Metric("vertices", lambda c: len(c.reconstruction.vertices), 0, label="Vertices"),
    Metric("faces", lambda c: len(c.reconstruction.faces), 0, label="Faces"),
)
LATENT_METRICS = (
    Metric(
        "latent_bytes_raw",
        lambda size: size[0],
        label="Latent, raw",
        better=-1,
        digits=None,
        column=5,
        of_latent=True,
    ),
    Metric(
        "latent_bytes_stored",
        lambda size: size[1],
        label="Latent, stored",
        better=-1,
        digits=None,
        column=6,
        of_latent=True,
    ),
    Metric(
        "latent_bytes_packed",
        lambda size: size[2],
        label="Latent, packed",
        better=-1,
        digits=None,
        column=7,
        of_latent=True,
    ),
)
"""Of a latent's bytes: raw, as stored, and as its bottleneck packs them."""


def metrics_at(thresholds: Sequence[float]) -> list[Metric]:
    """The rows, those with a threshold once for each; without the latent's."""
    found = []
    for metric in METRICS:
        if "{threshold}" not in metric.name:
            found.append(metric)
            continue
        for threshold in thresholds:
            found.append(_at(metric, threshold))
    return found


def _at(metric: Metric, threshold: float) -> Metric:
    text = f"{threshold:g}"
    return replace(
        metric,
        name=metric.name.format(threshold=text),
        label=metric.label.format(threshold=text),
        value=lambda comparison: metric.value(comparison, threshold),
    )


def f_score(threshold: float) -> str:
    """Name of the F-score at a threshold."""
    return f"f_score_{threshold:g}"


def thresholds_of(names: Sequence[str]) -> list[float]:
    """Thresholds of the F-scores among some names, ascending."""
    start = "f_score_"
    return sorted(float(name.removeprefix(start)) for name in names if name.startswith(start))


def deciding(thresholds: Sequence[float]) -> float:
    """Threshold of the F-score that decides on failure: 0.01 when evaluated, else the middle."""
    ordered = sorted(thresholds)
    known = PREFERRED_THRESHOLD in ordered
    return PREFERRED_THRESHOLD if known else ordered[len(ordered) // 2]
