"""Settings of a run's diagnostics, and the names of what they measure."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, field_validator

from hexplane.specs.evaluate import EvaluateSpec
from hexplane.specs.extract import ExtractSpec


class DiagnoseSpec(ExtractSpec, EvaluateSpec):
    """Which heads a run is diagnosed on, and how its meshes are taken and measured."""

    heads: dict[Literal["train", "held_out"], list[str]] = Field(
        description="Mesh names by train, at least one, and held_out."
    )
    inputs: list[str] = Field(
        [], description="Training heads whose principal components are taken; none: those of heads."
    )

    @field_validator("heads")
    @classmethod
    def _training_heads(cls, heads: dict[str, list[str]]) -> dict[str, list[str]]:
        if not heads.get("train"):
            raise ValueError("train: at least one mesh has to be named")
        return heads


PREFERRED_THRESHOLD = 0.01
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
    "predicted_active",
    "predicted_kl",
    "empty",
    "field_min",
    "field_max",
    "distortion",
    "coverage_explained",
    "empty_shuffled",
    "field_min_shuffled",
    "field_max_shuffled",
    "distortion_shuffled",
    "coverage_explained_shuffled",
    "empty_prior",
    "field_min_prior",
    "field_max_prior",
    "f_ratio",
    "failed",
)


def deciding(thresholds: Sequence[float]) -> float:
    """Threshold of the F-score that decides on failure: 0.01 when evaluated, else the middle."""
    ordered = sorted(thresholds)
    known = PREFERRED_THRESHOLD in ordered
    return PREFERRED_THRESHOLD if known else ordered[len(ordered) // 2]


def measures(thresholds: Sequence[float]) -> list[str]:
    """Measures of a run that hypotheses may be about: columns of the table of runs."""
    scores = [*(f"f_score_{threshold:g}" for threshold in thresholds), "iou", "chamfer_l1"]
    return [
        *_MEASURES,
        *(name for score in scores for name in (score, f"{score}_shuffled", f"oracle_{score}")),
    ]
