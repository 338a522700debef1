"""A stage's settings from the command line, and pydantic's complaints in plain words."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from hexplane.plumbing.errors import UserError
from hexplane.plumbing.settings import Settings

S = TypeVar("S", bound=Settings)

_BRANCHES = ("constrained-int", "float", "constrained-float", "list[str]", "[key]")


def parse_spec(kind: type[S], text: str) -> S:
    """A stage's settings from JSON or flow YAML, as given on the command line.

    `@FILE` stands for the file's content: a list of many names is no argument.

    Raises:
        UserError: the text cannot be read, or a key is unknown or out of range.
    """
    shown = text  # of a file its name, not all that is in it
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8")
        except (OSError, ValueError):
            raise UserError(f"--spec: {text[1:]}: not a readable file") from None
    try:
        values = yaml.safe_load(text.removeprefix("spec:"))
    except yaml.YAMLError as error:
        raise UserError(f"--spec: not readable as YAML or JSON: {shown}") from error
    if not isinstance(values, dict):
        raise UserError(f"--spec: expected key: value pairs, got {shown!r}")
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise UserError(explain(error, ("--spec",))) from error


def explain(error: ValidationError, prefix: tuple[str, ...] = ()) -> str:
    """One line a mistake: the key, what is wrong, what is allowed."""
    lines = []
    for item in error.errors():
        # Branches of a union are named by pydantic, not by the user.
        loc = [part for part in item["loc"] if part not in _BRANCHES]
        key = ".".join(str(part) for part in (*prefix, *loc)) or "config"
        message = item["msg"].removeprefix("Value error, ")
        shown = item["type"] not in ("missing", "value_error")
        got = f" (got {item['input']!r})" if shown else ""
        lines.append(f"{key}: {message[:1].lower()}{message[1:]}{got}")
    return "\n".join(dict.fromkeys(lines))
