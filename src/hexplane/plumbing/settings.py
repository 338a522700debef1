"""What every group of settings has in common."""

from collections.abc import Callable, Iterable
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from hexplane.plumbing.paths import NAME

T = TypeVar("T")
MOST_SEED = 2**31 - 1
"""Largest seed: times a million and more, generators take it still."""
MOST_NAMES = 100_000
"""Names in a list, and heads of a study."""
HeadName = Annotated[str, Field(pattern=rf"^{NAME.pattern}$")]
"""A head's name, of which file names are made."""
_LONGEST = 80


class Settings(BaseModel):
    """A group of settings whose values never change.

    Unknown keys are refused, and so are NaN, infinity, and true or false for a number.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for key in values:
                if key not in cls.model_fields:
                    allowed = ", ".join(cls.model_fields)
                    raise ValueError(f"unknown key {shown(key)} (allowed: {allowed})")
        return values

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields[info.field_name or ""]
        given = value if isinstance(value, list | tuple) else [value]
        if _numbers_only(field.annotation) and any(isinstance(item, bool) for item in given):
            raise ValueError(f"input should be a number, not true or false (got {shown(value)})")
        return value


def _numbers_only(kind: Any) -> bool:
    """Whether a type is made of numbers, or null, and of nothing else."""
    parts = [part for part in get_args(kind) if isinstance(part, type) or get_args(part)]
    if not parts:
        return kind in (int, float, NoneType)
    return all(_numbers_only(part) for part in parts)


def shown(value: Any) -> str:
    """A value as a message shows it: on one line, and cut where it is long."""
    text = _short(value, 3)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _short(value: Any, depth: int) -> str:
    # Not `repr` of the whole: aliases of YAML can make a short file's value endless.
    few = 8
    if isinstance(value, str | bytes):
        return repr(value[:_LONGEST])
    if isinstance(value, dict | list | tuple) and depth == 0:
        return "..."
    if isinstance(value, dict):
        items = [
            f"{_short(key, 0)}: {_short(item, depth - 1)}"
            for key, item in list(value.items())[:few]
        ]
        return f"{{{', '.join(items)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_short(item, depth - 1) for item in value[:few])}]"
    if isinstance(value, int) and abs(value) >= 10**_LONGEST:
        return "a number of more than 80 digits"  # Python does not print some of those
    return repr(value)


def each_once(values: T, spelled: Callable[[Any], str] = shown) -> T:
    """A list of values, none of which is there twice.

    Args:
        values: the list.
        spelled: what two values must not share.

    Raises:
        ValueError: one is.
    """
    seen: set[str] = set()
    items: Iterable[Any] = values  # type: ignore[assignment]
    for item in items:
        text = spelled(item)
        if text in seen:
            raise ValueError(f"{text} is there twice")
        seen.add(text)
    return values
