"""Settings of the head generator."""

from typing import Annotated

from pydantic import Field

from hexplane.plumbing.settings import MOST_NAMES, MOST_SEED, Settings

HeadSeed = Annotated[int, Field(ge=0, le=MOST_NAMES * (MOST_SEED + 1))]

Vary = Annotated[
    float,
    Field(
        ge=0,
        le=1,
        description="How far generated heads are turned, stretched, warped and roughened at most:"
        " models that learn from them know more than one family of heads.",
    ),
]


class GenerateSettings(Settings):
    """Which head is generated."""

    seed: HeadSeed = Field(0, description="Seed of the head's shape.")
    vary: Vary = 0
