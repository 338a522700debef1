"""Settings of the Gaussian bottleneck."""

from typing import Literal

from pydantic import Field

from hexplane.model.bottlenecks.kind import BottleneckSettings


class GaussianSettings(BottleneckSettings):
    """A variational autoencoder: diagonal Gaussian posterior, standard normal prior."""

    kind: Literal["gaussian"] = Field("gaussian", description="Diagonal Gaussian posterior.")
    kl_initial_weight: float = Field(
        1e-6, ge=0, le=1, description="Weight of the KL term at the first step."
    )
    kl_weight: float = Field(
        1e-5, ge=0, le=1, description="Weight of the KL term after the warm-up."
    )
    kl_warmup_steps: int = Field(
        3000,
        ge=0,
        le=100_000_000,
        description="Steps of the linear ramp from the initial to the final weight.",
    )
    kl_cap: float = Field(
        1e5,
        gt=0,
        le=1e15,
        description="Hard cap on the KL term: clamp(kl, max=cap), without a gradient above it.",
    )
    kl_reduction: Literal["sum", "mean"] = Field(
        "sum", description="Over latent dimensions; sum is the evidence bound's, in nats."
    )
    free_bits: float = Field(
        0.0, ge=0, le=1e6, description="Nats of each dimension that are free: max(kl, free_bits)."
    )
    prior: Literal["normal", "learned"] = Field(
        "normal",
        description="What new latents are drawn from: N(0, I), which training charges for; or a "
        "prior fitted to the training heads' posteriors afterwards.",
    )
