"""Settings of finite scalar quantisation."""

from typing import Literal

from pydantic import Field

from hexplane.model.bottlenecks.kind import BottleneckSettings


class FsqSettings(BottleneckSettings):
    """A discrete autoencoder: each latent value is one of a few levels, and nothing is charged."""

    kind: Literal["fsq"] = Field("fsq", description="Finite scalar quantisation.")
    levels: int = Field(5, ge=2, le=256, description="Levels of each latent value.")
    prior: Literal["tables", "autoregressive"] = Field(
        "tables",
        description="What new latents are drawn from: each value's own table, or a network that "
        "foretells it from those before it; fitted to the training heads afterwards.",
    )
