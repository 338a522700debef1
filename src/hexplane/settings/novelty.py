"""Settings of what is measured on new heads."""

from typing import Literal

from pydantic import Field, field_validator

from hexplane.plumbing.settings import MOST_SEED, HeadName
from hexplane.settings.extract import ExtractSettings

CLOSED_TARGET = 0.95
"""Share of new heads that should be closed and of one piece."""
ACCURACY_TARGET = 0.65
"""Accuracy of 1-NNA that new heads should stay within."""


class NoveltySettings(ExtractSettings):
    """Which heads new ones are set beside, and how meshes of those are taken."""

    heads: dict[Literal["train", "held_out"], list[HeadName]] = Field(
        description="Mesh names by train, at least one, and held_out."
    )
    seed: int = Field(0, ge=0, le=2 * MOST_SEED, description="Seed of the surface samples.")

    @field_validator("heads")
    @classmethod
    def _training_heads(cls, heads: dict[str, list[str]]) -> dict[str, list[str]]:
        if not heads.get("train"):
            raise ValueError("train: at least one mesh has to be named")
        return heads
