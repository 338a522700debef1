"""Settings that Snakemake is given, looked at before it reads them itself.

Of a key that is there twice its reader drops the first without a word, and of an option the first
values; it runs what a file says that calls itself a template; and it ends with a traceback where a
file is none, is not UTF-8 or nests too deeply, or where an entry of `--config` is no `key=value`.
profiles/default/config.yaml starts this with what the command line gives, and
workflow/rules/checks.smk with config.yaml.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from hexplane.config import Config
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.settings import shown
from hexplane.plumbing.texts import TwiceError, parse_yaml, read_yaml

TEMPLATE = "__use_yte__"
"""Key of a file whose expressions Snakemake evaluates as Python."""
_KEY = re.compile(r"[a-zA-Z_][\w-]*\w")
"""Names that Snakemake takes."""
_OPTIONS = (("--config", "-C"), ("--configfile", "--configfiles"))


def check_command_line(
    words: Sequence[str], entries: Iterable[str] | None, files: Iterable[Path]
) -> None:
    """Look at what the command line sets.

    Args:
        words: all of it.
        entries: values of its option `--config`.
        files: values of its option `--configfile`.

    Raises:
        UserError: one line for each mistake.
    """
    own = list(words[: words.index("--")] if "--" in words else words)
    lines = [
        f"{names[0]} is there twice, and only the last would count (write all values after one)"
        for names in _OPTIONS
        if sum(word.partition("=")[0] in names for word in own) > 1
    ]
    lines += [line for entry in entries or () if (line := _wrong(entry))]
    for file in files:
        try:
            check_file(file)
        except UserError as error:
            lines.append(str(error))
    if lines:
        raise UserError("\n".join(lines))


def check_file(path: Path) -> None:
    """Look at a file of settings.

    Raises:
        UserError: it is missing, no mapping in YAML or JSON, or a template.
    """
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise UserError(f"{path}: expected key: value pairs, got {shown(values)}")
    if TEMPLATE in values:
        raise UserError(f"{path}: unknown key {TEMPLATE!r} ({_allowed()})")


def _wrong(entry: str) -> str:
    """What is wrong with an entry of `--config`, or nothing."""
    key, given, value = entry.partition("=")
    if not given:
        return f"--config: {shown(entry)} is no key=value (a target stands before --config)"
    group, *keys = key.split(".")
    if keys and group in Config.model_fields:
        return f"--config: write {group}={_nested(keys, value)!s} in the place of {shown(entry)}"
    if not _KEY.fullmatch(key):
        return f"--config: unknown key {shown(key)} ({_allowed()})"
    try:
        parse_yaml(value)
    except TwiceError as error:
        return f"--config: {key}: {error}"
    except ValueError:
        pass  # a text, which its key takes or not
    return f"--config: {key} has no value" if _nothing(value) else ""


def _nested(keys: list[str], value: str) -> str:
    """Keys within one another, as the option takes them."""
    for key in reversed(keys):
        value = f"{{{key}: {value}}}"
    return f"'{value}'"


def _nothing(value: str) -> bool:
    """Whether Snakemake finds nothing in a value, such as a comment; an empty one is null to it."""
    try:
        return bool(value) and yaml.load(value.strip("'\""), yaml.BaseLoader) is None
    except (yaml.YAMLError, ValueError, RecursionError):  # no YAML: it takes the text
        return False


def _allowed() -> str:
    return f"allowed: {', '.join(Config.model_fields)}"
