"""Settings of the deterministic bottleneck."""

from typing import Literal

from pydantic import Field

from hexplane.model.bottlenecks.kind import BottleneckSettings


class DeterministicSettings(BottleneckSettings):
    """A plain autoencoder: the latent is the encoder's output and has no rate."""

    kind: Literal["deterministic"] = Field(
        "deterministic", description="Latent as the encoder gives it."
    )
