"""Settings of the report."""

from typing import Any

from pydantic import Field

from hexplane.plumbing.settings import HeadName, Settings
from hexplane.plumbing.splits import SPLITS
from hexplane.settings.rates import Budgets


class ReportSettings(Settings):
    """What the report shows, in which roles."""

    split: dict[str, list[HeadName]] = Field(
        description="Mesh names by train, validation and test."
    )
    others: dict[str, list[HeadName]] = Field(
        default={}, description="Names of meshes of other families, by family."
    )
    heads: list[HeadName] = Field(description="Meshes that every arm was taken through.")
    interpolated: list[HeadName] = Field(
        default=[], description="The two heads that meshes are blended between; or none."
    )
    budgets: Budgets = Field(
        (), description="Bytes at which arms and rivals were measured; none: they were not."
    )
    rated: dict[str, list[HeadName]] = Field(
        default={}, description="Heads that each arm and rival was measured on at these; or none."
    )
    drawn: list[HeadName] = Field(default=[], description="Arms that drew new heads; or none.")
    solids: list[HeadName] = Field(default=[], description="Analytic solids; or none.")
    reconstructed: dict[str, list[HeadName]] = Field(
        default={},
        description="Heads whose views classical methods took, rendered or decoded by an arm.",
    )
    runs: dict[str, tuple[str, int]] = Field(description="Arm and seed of each training.")
    oracles: dict[str, str] = Field(description="Oracle of each arm.")
    config: dict[str, Any] = Field(description="The whole configuration, for reproduction.")

    @property
    def groups(self) -> dict[str, list[str]]:
        """Mesh names by train, validation and test, and then by other family."""
        return {**{part: self.split.get(part, []) for part in SPLITS}, **self.others}
