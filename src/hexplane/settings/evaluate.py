"""Settings of the metrics."""

from pydantic import Field

from hexplane.plumbing.settings import Settings


class MeasureSettings(Settings):
    """How reconstructions are measured against their meshes."""

    samples: int = Field(100_000, ge=100, description="Surface samples a side.")
    thresholds: tuple[float, ...] = Field(
        (0.005, 0.01, 0.02), min_length=1, description="F-score distances, canonical units."
    )


class EvaluateSettings(MeasureSettings):
    """The measurement of one reconstruction."""

    seed: int = Field(0, ge=0, description="Seed of the samples.")
