"""Tables as CSV files."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hexplane.plumbing.files import write_text


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows of ready cells; columns in order of appearance, empty where a row lacks one."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
