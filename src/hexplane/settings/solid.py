"""Settings of the analytic solids."""

from typing import Literal

from pydantic import Field

from hexplane.plumbing.settings import Settings

SolidName = Literal["sphere", "cube", "cylinder", "torus", "l-shape", "chair"]


class SolidSettings(Settings):
    """Which solid is made."""

    solid: SolidName = Field("sphere", description="Its name.")
