"""Settings of the mesh extraction."""

from typing import Literal

from pydantic import Field

from hexplane.geometry.modality import Features
from hexplane.plumbing.settings import Settings

ExtractionField = Literal["fusion", "sdf"]
Method = Literal["fusion", "contour", "cloth", "poisson"]
"""How six views become a mesh."""


class ExtractionSection(Settings):
    """How views and fields become meshes, for every arm."""

    method: Method = Field(
        "fusion",
        description="How six views become a mesh: fusion to a field; contour: outlined depth "
        "clusters, few polygons; cloth: a sheet draped over them; poisson: screened Poisson, with "
        "pymeshlab. Arms whose field is sdf read none of it.",
    )
    resolution: int = Field(128, ge=16, le=512, description="Voxels along the cube's side, N.")
    level: float = Field(
        0.5, gt=0, lt=1, description="Occupancy at the surface (fusion); sdf is taken at 0."
    )
    islands: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Components of less than this share of the largest one's area are dropped.",
    )


class ExtractSettings(ExtractionSection):
    """How a mesh is taken out of a latent."""

    field: ExtractionField = Field(
        "fusion",
        description="fusion: carve by the six decoded views; sdf: the network's distance field, "
        "also where none is named and the codec decodes no views.",
    )


class OracleSettings(ExtractSettings):
    """The same extraction from the ground truth instead of a latent."""

    features: Features = Field(
        "depth_normal", description="occupancy: the visual hull; depth_normal: carve by depth."
    )
