"""Settings of a run's diagnostics, and the names of what they measure."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, field_validator

from hexplane.metrics.table import metrics_at
from hexplane.plumbing.settings import HeadName
from hexplane.settings.evaluate import EvaluateSettings
from hexplane.settings.extract import ExtractSettings


class DiagnoseSettings(ExtractSettings, EvaluateSettings):
    """Which heads a run is diagnosed on, and how its meshes are taken and measured."""

    heads: dict[Literal["train", "held_out"], list[HeadName]] = Field(
        description="Mesh names by train, at least one, and held_out."
    )
    inputs: list[HeadName] = Field(
        [], description="Training heads whose principal components are taken; none: those of heads."
    )

    @field_validator("heads")
    @classmethod
    def _training_heads(cls, heads: dict[str, list[str]]) -> dict[str, list[str]]:
        if not heads.get("train"):
            raise ValueError("train: at least one mesh has to be named")
        return heads


_MEASURES = (
    "heads",
    "training_heads",
    "kl_weight",
    "effective_beta",
    "kl",
    "kl_over_cap",
    "active_units",
    "mutual_information",
    "marginal_kl",
    "kl_prior",
    "bits",
    "bits_autoregressive",
    "bits_saved",
    "symbols_used",
    "predicted_active",
    "predicted_kl",
    "empty",
    "closed",
    "whole",
    "field_min",
    "field_max",
    "distortion",
    "coverage_explained",
    "empty_shuffled",
    "closed_shuffled",
    "whole_shuffled",
    "field_min_shuffled",
    "field_max_shuffled",
    "distortion_shuffled",
    "coverage_explained_shuffled",
    "empty_prior",
    "closed_prior",
    "whole_prior",
    "nearest_ratio_prior",
    "field_min_prior",
    "field_max_prior",
    "f_ratio",
    "failed",
)


def measures(thresholds: Sequence[float]) -> list[str]:
    """Measures of a run that hypotheses may be about: columns of the table of runs."""
    scores = [metric.name for metric in metrics_at(thresholds) if metric.judged]
    return [
        *_MEASURES,
        *(name for score in scores for name in (score, f"{score}_shuffled", f"oracle_{score}")),
    ]
