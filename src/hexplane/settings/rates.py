"""Settings of codecs over their rates: how near to a head in how many bytes."""

import math
from typing import Annotated

from pydantic import AfterValidator, Field

from hexplane.plumbing.settings import each_once
from hexplane.settings.evaluate import EvaluateSettings
from hexplane.settings.extract import ExtractSettings
from hexplane.settings.generate import HeadSeed

DRACO, MEAN, PARAMETERS = RIVALS = ("draco", "mean", "parameters")
"""What arms are set beside: a simplified mesh in Draco's code, the mean head in none, and a
generated head's own numbers."""
SHOWN = (128, 1024, 4096)
"""Budgets that tables and pictures are at; else those nearest to them."""


AVERAGED = 64
"""Training heads that the mean is of: of more, it is hardly nearer to other heads, by 1 %."""


def _ascending(budgets: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(each_once(budgets)))


Budgets = Annotated[
    tuple[Annotated[int, Field(ge=1, le=1 << 28)], ...],
    Field(max_length=64, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_ascending),
]
"""Bytes of a file, each once; ascending, however they were given."""


def shown(budgets: tuple[int, ...]) -> tuple[int, ...]:
    """Of some budgets, ascending, those that tables and pictures are at."""
    nearest = (min(budgets, key=lambda own: abs(math.log(own / wanted))) for wanted in SHOWN)
    return tuple(dict.fromkeys(nearest)) if budgets else ()


class MeasuredSettings(EvaluateSettings):
    """Budgets, and how what fits them is measured."""

    budgets: Budgets = Field(SHOWN, description="Bytes that a file may take.")


class RatesSettings(ExtractSettings, MeasuredSettings):
    """How meshes are taken out of an arm's latents of some sizes, and measured."""


class ParametersSettings(MeasuredSettings):
    """Which generated head's own numbers are measured, and how."""

    head: HeadSeed = Field(0, description="Seed of the head's shape.")
