"""Settings of the hexplane codec: the sizes of its network."""

from typing import Literal

from pydantic import Field

from hexplane.model.codecs.sizes import PatchSettings


class HexplaneSettings(PatchSettings):
    """Sizes of the autoencoder, whose images are the six views."""

    kind: Literal["hexplane"] = Field("hexplane", description="Six views through one network.")
    decoder_blocks: int = Field(
        2, ge=0, le=8, description="Residual blocks of each level of the decoder."
    )
    field_channels: int = Field(
        16, ge=1, le=256, description="Plane values that the signed-distance field samples."
    )
    field_width: int = Field(
        64, ge=8, le=1024, description="Hidden units of the signed-distance field's MLP."
    )

    @property
    def cells(self) -> int:
        """Those of the latent grid."""
        return self.latent_resolution
