"""What the settings of every codec answer."""

from typing import ClassVar

from hexplane.plumbing.settings import Settings


class ModelSettings(Settings):
    """Sizes of a codec."""

    fitted: ClassVar[bool] = False
    """Whether it is fitted in closed form: no step, no seed, no signed-distance samples."""

    kind: str

    def misfit(self, resolution: int) -> str:
        """The key that does not fit views of R x R pixels, and why; empty where all do."""
        return ""
