"""Settings of the classical methods side by side."""

from typing import Annotated

from pydantic import AfterValidator, Field

from hexplane.plumbing.settings import Settings, each_once
from hexplane.settings.evaluate import EvaluateSettings
from hexplane.settings.extract import ExtractionSection, Method
from hexplane.settings.solid import SolidName

TRUTH = "views"
"""What stands for the rendered views where arms stand for those that they decode."""
SOLIDS = "solids"
"""The family of the analytic solids."""

Methods = Annotated[
    tuple[Method, ...],
    Field(max_length=16, json_schema_extra={"uniqueItems": True}),
    AfterValidator(each_once),
]


class ClassicalSection(Settings):
    """Meshes from six views without a network, method beside method."""

    methods: Methods = Field(
        (),
        description="Each is measured on the rendered views and on those that arms decode; none: "
        "not at all.",
    )
    solids: Annotated[
        tuple[SolidName, ...],
        Field(max_length=16, json_schema_extra={"uniqueItems": True}),
        AfterValidator(each_once),
    ] = Field((), description=f"Analytic solids, evaluated as a family of the name {SOLIDS}.")


class ClassicalSettings(ExtractionSection, EvaluateSettings):
    """Which methods take a mesh out of one object's views, and how it is measured."""

    methods: Methods = Field(("fusion", "contour"), description="The methods.")
