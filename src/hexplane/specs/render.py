"""Settings of the hexplane rendering."""

from typing import Literal

from pydantic import Field

from hexplane.specs.base import Spec


class RenderSpec(Spec):
    """How hexplanes are rendered."""

    resolution: int = Field(128, ge=16, le=2048, description="Pixels along an image's side, R.")
    backend: Literal["auto", "embree"] = Field("auto", description="What casts the rays.")
