"""Settings of the signed-distance samples."""

from pydantic import Field

from hexplane.plumbing.settings import Settings


class DistancesSection(Settings):
    """Where signed distances are sampled, for every mesh."""

    near: int = Field(60_000, ge=0, description="Samples near the surface.")
    uniform: int = Field(20_000, ge=0, description="Samples uniform in the canonical cube.")
    spread: float = Field(
        0.03, gt=0, description="Standard deviation of the near samples' offset, canonical units."
    )


class DistancesSettings(DistancesSection):
    """The samples of one mesh."""

    seed: int = Field(0, ge=0, description="Seed of the samples.")
