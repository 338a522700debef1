"""Settings of new heads, drawn from what a codec knows of heads."""

from pydantic import Field

from hexplane.plumbing.settings import MOST_SEED, Settings
from hexplane.settings.extract import ExtractSettings

MOST_DRAWS = 10_000


class TemperatureSettings(Settings):
    """How near to the typical head new heads stay."""

    temperature: float = Field(
        0.8,
        ge=0,
        le=10,
        description="1 draws from the prior itself, less draws more typical heads, 0 the most "
        "typical one alone.",
    )


def draw_name(number: int) -> str:
    """What the files of a drawn head are called."""
    return f"{number:03d}"


class DrawSettings(TemperatureSettings, ExtractSettings):
    """How many heads are drawn, and how their meshes are taken."""

    count: int = Field(8, ge=1, le=MOST_DRAWS, description="Heads to draw.")
    seed: int = Field(0, ge=0, le=MOST_SEED, description="Seed of the draws.")
