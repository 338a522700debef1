"""What the network and its bottleneck are made of."""

from typing import Annotated, Literal

from pydantic import Field

from hexplane.specs.base import Spec


class ModelSpec(Spec):
    """Sizes of the autoencoder.

    Views enter as patches of `resolution / (latent_resolution * 2^(levels - 1))` pixels a side,
    one feature vector each; every further level halves the grid, down to the latent's.
    """

    widths: tuple[Annotated[int, Field(ge=8, le=1024)], ...] = Field(
        (64,),
        min_length=1,
        max_length=6,
        description="Channels of each level, from the patches down to the latent grid.",
    )
    encoder_blocks: int = Field(
        1, ge=0, le=8, description="Residual blocks of each level of the encoder."
    )
    decoder_blocks: int = Field(
        2, ge=0, le=8, description="Residual blocks of each level of the decoder."
    )
    latent_channels: int = Field(4, ge=1, le=256, description="Latent values of each grid cell.")
    latent_resolution: int = Field(
        32, ge=1, le=128, description="Cells along a side of each view's latent grid."
    )
    field_channels: int = Field(
        16, ge=1, le=256, description="Plane features that the signed-distance field samples."
    )
    field_width: int = Field(
        64, ge=8, le=1024, description="Hidden units of the signed-distance field's MLP."
    )

    @property
    def outer_resolution(self) -> int:
        """Patches along a view's side: the grid of the first level."""
        return self.latent_resolution * 2 ** (len(self.widths) - 1)


class DeterministicSpec(Spec):
    """A plain autoencoder: the latent is the encoder's output and has no rate."""

    kind: Literal["deterministic"] = Field(
        "deterministic", description="Latent as the encoder gives it."
    )


class GaussianSpec(Spec):
    """A variational autoencoder: diagonal Gaussian posterior, standard normal prior."""

    kind: Literal["gaussian"] = Field("gaussian", description="Diagonal Gaussian posterior.")
    kl_initial_weight: float = Field(
        1e-6, ge=0, le=1, description="Weight of the KL term at the first step."
    )
    kl_weight: float = Field(
        1e-5, ge=0, le=1, description="Weight of the KL term after the warm-up."
    )
    kl_warmup_steps: int = Field(
        3000, ge=0, description="Steps of the linear ramp from the initial to the final weight."
    )
    kl_cap: float = Field(
        1e5,
        gt=0,
        description="Hard cap on the KL term: clamp(kl, max=cap), without a gradient above it.",
    )
    kl_reduction: Literal["sum", "mean"] = Field(
        "sum", description="Over latent dimensions; sum is the evidence bound's, in nats."
    )
    free_bits: float = Field(
        0.0, ge=0, description="Nats of each dimension that are free: max(kl, free_bits)."
    )


BottleneckSpec = Annotated[DeterministicSpec | GaussianSpec, Field(discriminator="kind")]
