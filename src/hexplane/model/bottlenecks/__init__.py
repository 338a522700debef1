"""Bottlenecks, one file each: `<kind>.py`, with its settings in `<kind>_settings.py` beside it."""

from importlib import import_module
from typing import TYPE_CHECKING

from hexplane.model.bottlenecks.kind import BottleneckSettings
from hexplane.plumbing.kinds import any_of, found_settings

if TYPE_CHECKING:
    from hexplane.model.bottlenecks.base import Bottleneck

KINDS = found_settings(__name__, __path__)
"""Settings class of each kind."""
if TYPE_CHECKING:
    AnyBottleneckSettings = BottleneckSettings
else:
    AnyBottleneckSettings = any_of(KINDS)
    """The type of the setting `bottleneck`."""


def module_of(settings: BottleneckSettings) -> str:
    """Dotted name of the module that does what these settings say."""
    return f"{__name__}.{settings.kind}"


def build_bottleneck(settings: BottleneckSettings, shape: tuple[int, ...]) -> "Bottleneck":
    """The bottleneck that these settings are of, for latents [6, c, h, w] of that shape.

    Its module defines `build`.
    """
    built: Bottleneck = import_module(module_of(settings)).build(settings, shape)
    return built
