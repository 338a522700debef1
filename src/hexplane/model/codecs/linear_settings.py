"""Settings of the linear codec."""

from typing import ClassVar, Literal

from pydantic import Field

from hexplane.model.codecs.sizes import ModelSettings

FUSION = 128
"""Voxels along a side of the fusion that a field starts from: a multiple of `grid`."""


class LinearSettings(ModelSettings):
    """A signed distance field as a sum of principal components, fitted in closed form."""

    fitted: ClassVar[bool] = True
    decodes_images: ClassVar[bool] = False

    kind: Literal["linear"] = Field(
        "linear", description="Principal components of signed distance fields."
    )
    grid: int = Field(64, ge=16, le=FUSION, description="Voxels along the field's side.")
    components: int = Field(400, ge=1, le=4096, description="Most components that are kept.")
    step: float = Field(
        0.03, gt=0, le=10, description="Quantisation step of the components' coefficients."
    )
    mirrors: bool = Field(True, description="Fit to each head's mirror image as well.")

    def misfit(self, resolution: int) -> str:
        """A grid that does not divide the fusion's."""
        if FUSION % self.grid == 0:
            return ""
        return f"grid: {self.grid} (allowed: 16, 32, 64 or {FUSION})"
