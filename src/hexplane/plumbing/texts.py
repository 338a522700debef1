"""JSON and YAML that others wrote: strictly read, and never for longer than their size allows.

Refused besides what is no JSON or YAML: a key that is there twice, of which the first would be lost
without a word; NaN and infinity in JSON, which has neither; texts that are not UTF-8, nested too
deeply or too long.
"""

import json
import math
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml
from yaml.reader import ReaderError

from hexplane.plumbing.errors import UserError
from hexplane.plumbing.settings import shown

MOST_BYTES = 2**25
"""Of a text: the lists of 100,000 heads take a tenth of it."""
MOST_YAML = 2**22
"""Characters of YAML, which is read a hundred times as slowly as JSON."""


class TwiceError(ValueError):
    """A key that is there twice in one mapping."""


def read_text(path: Path) -> str:
    """A text file's content.

    Raises:
        UserError: the file is missing or unreadable, longer than `MOST_BYTES`, or no UTF-8 text.
    """
    try:
        with path.open("rb") as stream:
            read = stream.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, ValueError):
        raise UserError(f"{path}: not a readable file") from None
    if len(read) > MOST_BYTES:
        raise UserError(f"{path}: longer than {MOST_BYTES // 2**20} MiB")
    try:
        return read.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text (byte {error.start})") from None


def parse_json(text: str) -> Any:
    """What a JSON text says.

    Raises:
        ValueError: it is no strict JSON; `TwiceError` where a key is there twice.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_pairs, parse_constant=_refused, parse_float=_finite
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise TwiceError(f"{shown(twice)} is there twice")
    return found


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{shown(digits)} is too large a number")
    return value


class _Loader(yaml.SafeLoader):
    """YAML without a key that is there twice. In Python: the one in C dies of deep nesting."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge keys (`<<`), after a look at the mapping's own ones."""
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and not key.tag.endswith(":merge"):
                name = key.tag, key.value
                line = key.start_mark.line + 1
                if name in lines:
                    raise TwiceError(
                        f"{shown(key.value)} is there twice, in lines {lines[name]} and {line}"
                    )
                lines[name] = line
        super().flatten_mapping(node)
        # Each key once: a few lines that merge one another many times would never end.
        merged: dict[Hashable, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            scalar = isinstance(key, yaml.ScalarNode)
            merged[(key.tag, key.value) if scalar else id(key)] = key, value
        node.value = list(merged.values())


def parse_yaml(text: str) -> Any:
    """What a YAML or JSON text says.

    Raises:
        ValueError: it is neither; `TwiceError` where a key is there twice.
    """
    if text.lstrip()[:1] in ("{", "["):
        try:
            return parse_json(text)
        except TwiceError:
            raise
        except ValueError:
            pass  # flow YAML begins alike
    if len(text) > MOST_YAML:
        raise ValueError(f"longer than {MOST_YAML // 2**20} MiB")
    try:
        return yaml.load(text, _Loader)
    except TwiceError:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise ValueError(f"line {mark.line + 1}" if mark else "no line of it") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ReaderError as error:
        raise ValueError(f"character {error.position + 1} is none of a text") from None
    except Exception as error:  # numbers and dates that are none come as any error of Python
        raise ValueError(type(error).__name__) from None


def read_yaml(path: Path) -> Any:
    """What a YAML or JSON file holds.

    Raises:
        UserError: the file is missing, or is neither.
    """
    text = read_text(path)
    try:
        return parse_yaml(text)
    except TwiceError as error:
        raise UserError(f"{path}: {error}") from None
    except ValueError as error:
        raise UserError(f"{path}: not readable as YAML or JSON ({error})") from None
