"""Settings of the interpolation between two latents."""

from pydantic import Field

from hexplane.settings.extract import ExtractSettings

STEPS = 7
"""Meshes from one head to the other, both ends included."""


class InterpolateSettings(ExtractSettings):
    """How meshes are taken between two latents."""

    steps: int = Field(STEPS, ge=2, le=64, description="Meshes, both ends included.")
