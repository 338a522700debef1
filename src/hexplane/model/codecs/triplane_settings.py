"""Settings of the triplane codec: the sizes of its network."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from hexplane.model.codecs.sizes import PatchSettings


class TriplaneSettings(PatchSettings):
    """Sizes of the autoencoder, whose images are three pairs of opposite views.

    The decoder's are those of Convolutional Occupancy Networks' three-plane model (Peng et al.,
    ECCV 2020): planes of 64 x 64 with 32 channels, a U-Net of depth 4, 5 blocks of 32 units.
    """

    decodes_images: ClassVar[bool] = False

    kind: Literal["triplane"] = Field(
        "triplane", description="Three planes of pairs of views, read by a signed-distance field."
    )
    plane_channels: int = Field(
        32, ge=4, le=256, description="Values of each plane's cells that the field reads."
    )
    plane_resolution: int = Field(64, ge=4, le=512, description="Cells along each plane's side.")
    unet_depth: int = Field(
        4,
        ge=1,
        le=6,
        description="Levels of the U-Net on the planes; each halves the grid and doubles the "
        "channels.",
    )
    field_width: int = Field(
        32, ge=8, le=1024, description="Hidden units of the signed-distance field's MLP."
    )
    field_blocks: int = Field(
        5, ge=1, le=16, description="Residual blocks of the signed-distance field's MLP."
    )

    @model_validator(mode="after")
    def _halves(self) -> Self:
        least = 2 ** (self.unet_depth - 1)
        if self.plane_resolution % least:
            raise ValueError(
                f"plane_resolution {self.plane_resolution} is no multiple of {least}, as "
                f"unet_depth {self.unet_depth} asks"
            )
        return self
