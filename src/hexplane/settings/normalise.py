"""Settings of the normalisation."""

from typing import Literal

from pydantic import Field

from hexplane.plumbing.settings import Settings


class NormaliseSettings(Settings):
    """How source files are turned into the canonical frame."""

    up: Literal["y", "z"] = Field("y", description="Axis that points up in the source files.")
    close: bool = Field(
        True,
        description="Give each mesh an inside: close openings, turn faces outwards, count doubled "
        "ones once. false: render it as it is.",
    )
