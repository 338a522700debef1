"""Settings of the noise bottleneck."""

from typing import Annotated, Literal

from pydantic import Field

from hexplane.model.bottlenecks.kind import BottleneckSettings


class NoiseSettings(BottleneckSettings):
    """Uniform noise in training, integers afterwards, and a learned model of their entropy."""

    kind: Literal["noise"] = Field("noise", description="Uniform noise, and integers afterwards.")
    kl_weight: float = Field(
        1e-5, ge=0, le=1, description="Weight of the rate, in nats a head, after the warm-up."
    )
    kl_warmup_steps: int = Field(
        0, ge=0, le=100_000_000, description="Steps of the linear ramp of the weight from 0."
    )
    gains: tuple[Annotated[float, Field(gt=0, le=1000)], ...] = Field(
        (1.0, 0.5, 2.0),
        min_length=1,
        max_length=8,
        description="Steps of the integers a unit of the latent: one rate each. The first one is "
        "encoded with unless another is asked for.",
    )
    prior: Literal["tables", "autoregressive"] = Field(
        "tables",
        description="What new latents are drawn from: each value's own table, or a network that "
        "foretells it from those before it; fitted to the training heads afterwards.",
    )
