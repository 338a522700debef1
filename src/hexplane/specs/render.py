"""Settings of the hexplane rendering."""

from typing import Literal

from pydantic import Field

from hexplane.specs.base import Spec

Backend = Literal["auto", "embree", "nvdiffrast"]


class RenderSpec(Spec):
    """How hexplanes are rendered."""

    resolution: int = Field(128, ge=16, le=2048, description="Pixels along an image's side, R.")
    backend: Backend = Field(
        "auto", description="What renders; auto: nvdiffrast on a CUDA device, else embree."
    )
