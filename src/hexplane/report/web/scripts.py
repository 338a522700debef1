"""JSON inside script elements."""

import json
from typing import Any


def json_text(value: Any) -> str:
    """Compact JSON for a script element: no `<` in it can end the element early."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")
