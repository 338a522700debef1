"""Kinds that are found by their files: `<kind>.py` does the work, `<kind>_settings.py` says how.

The settings are read wherever a configuration is, and need no more than pydantic. What does the
work is loaded when a kind is built; `hexplane.plumbing.digests` follows no such import, so that
settings name the modules that they choose (`CodecSettings.modules`), and a new kind runs nothing
again.
"""

from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import Annotated, Any, Union

from pydantic import Discriminator, Tag

from hexplane.plumbing.settings import Settings

ENDING = "_settings"


def found_settings(package: str, path: Sequence[str]) -> dict[str, type[Any]]:
    """Settings class of each kind in a package, by the kind's name.

    Raises:
        TypeError: a file `<kind>_settings.py` holds no class whose `kind` is that name.
    """
    found: dict[str, type[Any]] = {}
    for name in sorted(module.name for module in iter_modules(path)):
        if name.endswith(ENDING):
            kind = name.removesuffix(ENDING)
            found[kind] = _settings_class(import_module(f"{package}.{name}"), kind)
    return found


def _settings_class(module: Any, kind: str) -> type[Any]:
    classes = [own for own in vars(module).values() if isinstance(own, type)]
    for own in classes:
        fields = own.model_fields if issubclass(own, Settings) else {}
        if "kind" in fields and fields["kind"].default == kind:
            return own
    raise TypeError(f"{module.__name__}: no settings class whose kind is {kind!r} by default")


def any_of(kinds: dict[str, type[Any]], default: str | None = None) -> Any:
    """The type of a setting that is of one of these kinds; `default` where it names none."""

    def kind_of(value: Any) -> Any:
        given = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
        return given or default

    if len(kinds) == 1:
        return next(iter(kinds.values()))
    members = tuple(Annotated[own, Tag(kind)] for kind, own in kinds.items())
    allowed = ", ".join(kinds)
    return Annotated[
        Union[members],  # noqa: UP007 (the members are known only now)
        Discriminator(
            kind_of,
            custom_error_type="kind",
            custom_error_message=f"unknown kind (allowed: {allowed})",
        ),
    ]
