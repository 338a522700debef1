"""Settings of silhouettes in space."""

from hexplane.settings.normalise import NormaliseSettings
from hexplane.settings.render import RenderSettings


class SilhouettesSettings(NormaliseSettings, RenderSettings):
    """How a mesh file is normalised and rendered; not read for a hexplane."""
