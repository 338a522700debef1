"""Settings of the layered codec."""

from typing import Literal

from pydantic import Field

from hexplane.model.codecs.linear_settings import LinearSettings


class LayeredSettings(LinearSettings):
    """Principal components, and corrections in blocks on top of them."""

    kind: Literal["layered"] = Field(  # type: ignore[assignment]
        "layered", description="Principal components, then corrections in blocks."
    )
    fine_step: float = Field(
        0.002, gt=0, le=1, description="Finest quantisation step of the corrections."
    )
