"""Settings of the registered codec."""

from typing import Literal

from pydantic import Field

from hexplane.model.codecs.layered_settings import LayeredSettings


class RegisteredSettings(LayeredSettings):
    """Principal components of heads registered to a template, and corrections in blocks."""

    kind: Literal["registered"] = Field(  # type: ignore[assignment]
        "registered",
        description="Components of displacements and registered fields, then corrections.",
    )
