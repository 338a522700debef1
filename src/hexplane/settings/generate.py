"""Settings of the head generator."""

from pydantic import Field

from hexplane.plumbing.settings import MOST_NAMES, MOST_SEED, Settings


class GenerateSettings(Settings):
    """Which head is generated."""

    seed: int = Field(
        0, ge=0, le=MOST_NAMES * (MOST_SEED + 1), description="Seed of the head's shape."
    )
