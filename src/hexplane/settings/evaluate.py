"""Settings of the metrics."""

from typing import Annotated

from pydantic import Field, field_validator

from hexplane.plumbing.settings import MOST_SEED, Settings, each_once


class MeasureSettings(Settings):
    """How reconstructions are measured against their meshes."""

    samples: int = Field(100_000, ge=100, le=10_000_000, description="Surface samples a side.")
    thresholds: tuple[Annotated[float, Field(gt=0, le=2)], ...] = Field(
        (0.005, 0.01, 0.02),
        min_length=1,
        max_length=16,
        json_schema_extra={"uniqueItems": True},
        description="F-score distances, canonical units.",
    )

    @field_validator("thresholds")
    @classmethod
    def _each_once(cls, thresholds: tuple[float, ...]) -> tuple[float, ...]:
        return each_once(thresholds, "{:g}".format)  # as the names of metrics have them


class EvaluateSettings(MeasureSettings):
    """The measurement of one reconstruction."""

    seed: int = Field(0, ge=0, le=2 * MOST_SEED, description="Seed of the samples.")
