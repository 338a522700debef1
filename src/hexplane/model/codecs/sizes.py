"""What the settings of every codec answer."""

from typing import Annotated, ClassVar

from pydantic import Field

from hexplane.plumbing.settings import Settings


class ModelSettings(Settings):
    """Sizes of a codec."""

    fitted: ClassVar[bool] = False
    """Whether it is fitted in closed form: no step, no seed, no signed-distance samples."""
    decodes_images: ClassVar[bool] = True
    """As the codec's own `decodes_images`: whether a mesh can be fused from views."""

    kind: str

    @property
    def cells(self) -> int | None:
        """Cells along a view's side whose edges crops follow; None: it only takes whole views."""
        return None

    def misfit(self, resolution: int) -> str:
        """The key that does not fit views of R x R pixels, and why; empty where all do."""
        return ""


class PatchSettings(ModelSettings):
    """Sizes of an encoder that takes images as patches.

    Images enter as patches of `resolution / (latent_resolution * 2^(levels - 1))` pixels a side,
    one vector each; every further level halves the grid, down to the latent's.
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
    latent_channels: int = Field(4, ge=1, le=256, description="Latent values of each grid cell.")
    latent_resolution: int = Field(
        32, ge=1, le=128, description="Cells along a side of each plane's latent grid."
    )

    @property
    def outer_resolution(self) -> int:
        """Patches along an image's side: the grid of the first level."""
        return self.latent_resolution * 2 ** (len(self.widths) - 1)

    def misfit(self, resolution: int) -> str:
        """What of these sizes does not fit images of R x R pixels; empty where all does."""
        if resolution % self.outer_resolution == 0:
            return ""
        return (
            f"latent_resolution: {self.latent_resolution} does not fit render.resolution "
            f"{resolution} (allowed: latent_resolution * 2^(levels - 1) = "
            f"{self.outer_resolution} divides it)"
        )
