"""What the settings of every bottleneck have in common."""

from hexplane.plumbing.settings import Settings


class BottleneckSettings(Settings):
    """Settings of a bottleneck."""

    kind: str
