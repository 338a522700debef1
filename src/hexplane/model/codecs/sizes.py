"""What the settings of every codec answer."""

from hexplane.plumbing.settings import Settings


class ModelSettings(Settings):
    """Sizes of a codec."""

    kind: str

    def misfit(self, resolution: int) -> str:
        """The key that does not fit views of R x R pixels, and why; empty where all do."""
        return ""
