"""Settings of the training."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hexplane.model.settings import CodecSettings
from hexplane.plumbing.settings import MOST_SEED, Settings

MOST_WATCHED = 16
"""Validation heads that a training looks at as it goes."""
SNAPSHOTS = "hexplane.training.snapshots"
"""What trainings load that take snapshots."""
Precision = Literal["auto", "float32", "bfloat16"]


class TrainingSettings(Settings):
    """Optimisation, shared by all arms unless one says otherwise."""

    steps: int = Field(2400, ge=1, le=100_000_000, description="Optimiser steps.")
    batch: int = Field(1, ge=1, le=65_536, description="Heads a step, six views each.")
    learning_rate: float = Field(5e-3, gt=0, le=1, description="Peak learning rate.")
    optimiser: Literal["muon", "adam"] = Field(
        "muon", description="muon: Muon for the convolutions, Adam for the rest; adam: for all."
    )
    schedule: Literal["linear", "constant"] = Field(
        "linear", description="Learning rate after the warm-up: falling to 0, or constant."
    )
    warmup: float = Field(
        0.02, ge=0, lt=1, description="Share of the steps in which the rate rises from 0."
    )
    clip_norm: float = Field(1.0, gt=0, le=1e9, description="Gradients are clipped at this norm.")
    sdf_points: int = Field(
        2048, ge=1, le=1_000_000, description="Signed-distance samples a head and step."
    )
    depth_weight: float = Field(10.0, ge=0, le=1e6, description="Weight of the depth term.")
    normal_weight: float = Field(0.5, ge=0, le=1e6, description="Weight of the normal term.")
    coverage_weight: float = Field(1.0, ge=0, le=1e6, description="Weight of the coverage term.")
    sdf_weight: float = Field(
        1.0, ge=0, le=1e6, description="Weight of the signed-distance term; 0: left out."
    )
    crops: float = Field(
        0.85,
        ge=0,
        le=1,
        description="Share of the steps, the first ones, that see an eighth of the cube, elsewhere "
        "in each: a quarter of each view, and of its cost. Codecs that take views whole, and "
        "latent grids of an odd number of cells, go without.",
    )
    precision: Precision = Field(
        "auto",
        description="Of the residual blocks; auto: bfloat16 on GPUs that are built for it.",
    )
    log_every: int = Field(
        50, ge=1, le=100_000_000, description="Steps between rows of history.csv."
    )
    snapshots: list[Annotated[int, Field(ge=1, le=100_000_000)]] = Field(
        [],
        max_length=1000,
        description="Steps after which history.csv also says what the first training head decodes "
        "to: from its mean latent, from a sample of it, and from one of the prior.",
    )
    checkpoint_seconds: float = Field(
        30.0, ge=0, le=86_400, description="Seconds between checkpoints."
    )


class TrainSettings(CodecSettings):
    """One training of an arm."""

    training: TrainingSettings = Field(TrainingSettings(), description="Optimisation.")
    seed: int = Field(0, ge=0, le=2 * MOST_SEED, description="Seed of weights, batches and noise.")

    @model_validator(mode="after")
    def _learns(self) -> Self:
        """A codec without views learns from signed distances alone."""
        own = self.model
        if not (own.fitted or own.decodes_images):
            if not self.training.sdf_weight:
                raise ValueError(
                    f"training.sdf_weight 0 leaves model.kind {own.kind} nothing to learn "
                    "(allowed: a weight above 0)"
                )
            if self.training.snapshots:
                raise ValueError(
                    "training.snapshots show views, and "
                    f"model.kind {own.kind} decodes none (allowed: [])"
                )
        return self

    def training_modules(self) -> tuple[str, ...]:
        """Dotted names of the modules that a training with these settings chooses.

        Snapshots extract meshes, and a training without any is none of a change in that.
        """
        return (*self.modules(), *([SNAPSHOTS] if self.training.snapshots else []))
