"""Settings of the head generator."""

from pydantic import Field

from hexplane.specs.base import Spec


class GenerateSpec(Spec):
    """Which head is generated."""

    seed: int = Field(0, ge=0, description="Seed of the head's shape.")
