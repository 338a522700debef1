"""Settings of the paper."""

from typing import Annotated

from pydantic import Field

from hexplane.plumbing.settings import HeadName, Settings

STUDIES = ("default", "ablation", "replay", "reported", "discrete", "codec", "general")
"""The studies that the paper has words for."""


class PaperSettings(Settings):
    """Which studies the paper is about."""

    studies: Annotated[tuple[HeadName, ...], Field(min_length=1, max_length=len(STUDIES))] = Field(
        STUDIES, description="Names of studies; those that were not run are left out."
    )
