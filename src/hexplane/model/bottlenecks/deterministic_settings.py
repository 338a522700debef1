"""Settings of the deterministic bottleneck."""

from typing import ClassVar, Literal

from pydantic import Field

from hexplane.model.bottlenecks.kind import BottleneckSettings


class DeterministicSettings(BottleneckSettings):
    """A plain autoencoder: the latent is the encoder's output and has no rate."""

    has_prior: ClassVar[bool] = False

    kind: Literal["deterministic"] = Field(
        "deterministic", description="Latent as the encoder gives it."
    )
