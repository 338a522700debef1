"""The table over all metrics: one row for each arm or oracle on each head."""

from pathlib import Path
from typing import Any

from hexplane.analysis.failure import is_poor
from hexplane.plumbing.tables import write_table
from hexplane.results import Score

KEYS = ("method", "oracle", "mesh", "split")


def write_summary(path: Path, scores: list[Score]) -> None:
    """Write the table as CSV; infinite distances read `inf`, and what an oracle lacks is empty.

    `oracle_poor` says of each row whether its oracle, or the oracle that it is of, is a poor one.
    """
    ious = {(score.method, score.mesh): score.metrics.get("iou") for score in scores}
    # Oracles have no latent: cells that only arms have stay empty in their rows.
    rows = [
        {key: getattr(score, key) for key in KEYS}
        | {"oracle_poor": _cell(is_poor(ious.get((score.oracle or score.method, score.mesh))))}
        | {name: _cell(value) for name, value in score.metrics.items()}
        for score in scores
    ]
    write_table(path, rows)


def _cell(value: Any) -> Any:
    if value is None:
        return "inf"
    return str(value).lower() if isinstance(value, bool) else value
