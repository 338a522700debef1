"""What the settings of every bottleneck have in common."""

from typing import ClassVar

from hexplane.plumbing.settings import Settings


class BottleneckSettings(Settings):
    """Settings of a bottleneck."""

    has_prior: ClassVar[bool] = True
    """Whether new latents can be drawn."""

    kind: str
