"""Settings of the hexplane codec: the sizes of its network."""

from typing import Annotated, Literal

from pydantic import Field

from hexplane.model.codecs.sizes import ModelSettings


class HexplaneSettings(ModelSettings):
    """Sizes of the autoencoder.

    Views enter as patches of `resolution / (latent_resolution * 2^(levels - 1))` pixels a side,
    one vector each; every further level halves the grid, down to the latent's.
    """

    kind: Literal["hexplane"] = Field("hexplane", description="Six views through one network.")
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
        16, ge=1, le=256, description="Plane values that the signed-distance field samples."
    )
    field_width: int = Field(
        64, ge=8, le=1024, description="Hidden units of the signed-distance field's MLP."
    )

    @property
    def outer_resolution(self) -> int:
        """Patches along a view's side: the grid of the first level."""
        return self.latent_resolution * 2 ** (len(self.widths) - 1)

    def misfit(self, resolution: int) -> str:
        """What of these sizes does not fit views of R x R pixels; empty where all does."""
        if resolution % self.outer_resolution == 0:
            return ""
        return (
            f"latent_resolution: {self.latent_resolution} does not fit render.resolution "
            f"{resolution} (allowed: latent_resolution * 2^(levels - 1) = "
            f"{self.outer_resolution} divides it)"
        )
