"""Settings of the head generator."""

from pydantic import Field

from hexplane.plumbing.settings import Settings


class GenerateSettings(Settings):
    """Which head is generated."""

    seed: int = Field(0, ge=0, description="Seed of the head's shape.")
