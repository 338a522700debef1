"""A stage's settings from the command line, and pydantic's complaints in plain words."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from hexplane.plumbing.errors import UserError
from hexplane.plumbing.settings import shown
from hexplane.plumbing.texts import TwiceError, parse_yaml, read_text

S = TypeVar("S", bound=BaseModel)

MOST_LINES = 20
"""Mistakes that are told at once."""
_WORDS = {"int_parsing_size": "input should be a smaller number"}
"""In place of pydantic's, by its name of the mistake."""


def parse_spec(kind: type[S], text: str) -> S:
    """A stage's settings from JSON or flow YAML, as given on the command line.

    `@FILE` stands for the file's content: a list of many names is no argument.

    Raises:
        UserError: the text cannot be read, or a key is unknown, there twice or out of range.
    """
    told = text if len(text) < 200 else shown(text)
    if text.startswith("@"):  # of a file its name, not all that is in it
        try:
            text = read_text(Path(text[1:]))
        except UserError as error:
            raise UserError(f"--spec: {error}") from None
    try:
        values = parse_yaml(text.removeprefix("spec:"))
    except TwiceError as error:
        raise UserError(f"--spec: {error}") from None
    except ValueError:
        raise UserError(f"--spec: not readable as YAML or JSON: {told}") from None
    if not isinstance(values, dict):
        raise UserError(f"--spec: expected key: value pairs, got {shown(told)}")
    return checked(kind, values, ("--spec",))


def checked(kind: type[S], values: Any, prefix: tuple[str, ...] = (), where: str = "") -> S:
    """Settings of a kind from plain values.

    Raises:
        UserError: one line for each key that is unknown, missing or out of range.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise UserError(explain(error, values, prefix, where)) from None


def explain(
    error: ValidationError, values: Any, prefix: tuple[str, ...] = (), where: str = ""
) -> str:
    """One line a mistake: the key, what is wrong, what is allowed.

    Args:
        error: pydantic's.
        values: what was validated; tells its keys from the names that pydantic gives to the
            branches of a union.
        prefix: keys that these values stand under.
        where: what begins each line: the file that they stand in.
    """
    wants: dict[tuple[str, ...], dict[str, None]] = {}  # what each branch would take, once
    gots: dict[tuple[str, ...], str] = {}
    names: set[tuple[str, ...]] = set()  # keys that are wrong themselves
    for item in error.errors(include_url=False, include_context=False):
        key = (*prefix, *_keys(item["loc"], values, item["type"] == "missing"))
        message = _WORDS.get(item["type"], item["msg"].removeprefix("Value error, "))
        if message.startswith("Input should be ") and key in wants:
            message = message.removeprefix("Input should be ")
        if item["loc"][-1:] == ("[key]",):
            names.add(key)
        wants.setdefault(key, {})[f"{message[:1].lower()}{message[1:]}"] = None
        if item["type"] not in ("missing", "value_error"):
            gots[key] = f" (got {shown(item['input'])})"
    # A branch that wanted no list has nothing to say where another one looked into it.
    inner = {key[:length] for key in wants for length in range(len(key))} - names
    lines = [
        f"{where}{'.'.join(key) or 'config'}: {', or '.join(said)}{gots.get(key, '')}"
        for key, said in wants.items()
        if key not in inner
    ]
    return told(lines)


def told(lines: list[str]) -> str:
    """Mistakes, a line each, and how many more there are."""
    more = [f"and {len(lines) - MOST_LINES:,} more mistakes"] if len(lines) > MOST_LINES else []
    return "\n".join(lines[:MOST_LINES] + more)


def _keys(loc: tuple[int | str, ...], values: Any, missing: bool) -> Iterator[str]:
    """The user's own keys in the place of a mistake; pydantic names branches of unions, too."""
    for part in loc:
        if isinstance(values, dict) and part in values:
            yield _printed(part)
            values = values[part]
        elif isinstance(values, list | tuple) and isinstance(part, int) and part < len(values):
            yield str(part)
            values = values[part]
    if missing:
        yield str(loc[-1])


def _printed(key: Any) -> str:
    text = str(key)
    return text if text.isprintable() and len(text) <= 80 else shown(text)
