"""The table over all metrics: one row for each arm or oracle on each head."""

import csv
import io
from pathlib import Path
from typing import Any

from hexplane.files import write_text
from hexplane.report.results import Score

KEYS = ("experiment", "oracle", "mesh", "split")


def write_summary(path: Path, scores: list[Score]) -> None:
    """Write the table as CSV; infinite distances read `inf`, and what an oracle lacks is empty."""
    # Oracles have no latent, so the columns are those of all rows, in the order they appear.
    names = list(dict.fromkeys(name for score in scores for name in score.metrics))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*KEYS, *names))
    for score in scores:
        keys = (getattr(score, key) for key in KEYS)
        writer.writerow((*keys, *(_cell(score.metrics, name) for name in names)))
    write_text(path, text.getvalue())


def _cell(metrics: dict[str, Any], name: str) -> Any:
    if name not in metrics:
        return ""
    value = metrics[name]
    if value is None:
        return "inf"
    return str(value).lower() if isinstance(value, bool) else value
