"""Settings of the signed-distance samples."""

from pydantic import Field, model_validator

from hexplane.geometry.limits import MOST_SAMPLES
from hexplane.plumbing.settings import MOST_SEED, Settings


class DistancesSection(Settings):
    """Where signed distances are sampled, for every mesh."""

    near: int = Field(60_000, ge=0, le=MOST_SAMPLES, description="Samples near the surface.")
    uniform: int = Field(
        20_000, ge=0, le=MOST_SAMPLES, description="Samples uniform in the canonical cube."
    )
    spread: float = Field(
        0.03,
        gt=0,
        le=2,
        description="Standard deviation of the near samples' offset, canonical units.",
    )

    @model_validator(mode="after")
    def _some(self) -> "DistancesSection":
        if not self.near + self.uniform:
            raise ValueError("near and uniform are both 0 (allowed: one of them above 0)")
        return self


class DistancesSettings(DistancesSection):
    """The samples of one mesh."""

    seed: int = Field(0, ge=0, le=2 * MOST_SEED, description="Seed of the samples.")
