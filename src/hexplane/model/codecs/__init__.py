"""Codecs, one file each: `<kind>.py`, with its settings in `<kind>_settings.py` beside it."""

from importlib import import_module
from typing import TYPE_CHECKING

from hexplane.model.codecs.sizes import ModelSettings
from hexplane.plumbing.kinds import any_of, found_settings

if TYPE_CHECKING:
    from hexplane.model.codec import Codec
    from hexplane.model.settings import CodecSettings

KINDS = found_settings(__name__, __path__)
"""Settings class of each kind."""
DEFAULT = "hexplane"
"""The kind of a model that names none."""
if TYPE_CHECKING:
    AnyModelSettings = ModelSettings
else:
    AnyModelSettings = any_of(KINDS, DEFAULT)
    """The type of the setting `model`."""


def module_of(settings: ModelSettings) -> str:
    """Dotted name of the module that does what these settings say."""
    return f"{__name__}.{settings.kind}"


def build_codec(settings: "CodecSettings", resolution: int) -> "Codec":
    """The untrained codec of these settings for views of R x R pixels.

    Its module defines `build`.

    Raises:
        ValueError: the codec does not fit the resolution.
    """
    built: Codec = import_module(module_of(settings.model)).build(settings, resolution)
    return built
