"""Settings of the hexplane rendering."""

from pydantic import Field

from hexplane.geometry.limits import MOST_PIXELS
from hexplane.plumbing.settings import Settings
from hexplane.rendering.backends import Backend


class RenderSettings(Settings):
    """How hexplanes are rendered."""

    resolution: int = Field(
        128, ge=16, le=MOST_PIXELS, description="Pixels along an image's side, R."
    )
    backend: Backend = Field(
        "auto", description="What renders; auto: nvdiffrast on a CUDA device, else embree."
    )
