"""config.yaml: every key of it, checked before anything runs."""

import json
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from hexplane.errors import UserError
from hexplane.specs.base import Spec
from hexplane.specs.diagnose import measures
from hexplane.specs.evaluate import Evaluation
from hexplane.specs.extract import Extraction, ExtractionField
from hexplane.specs.features import Decoded
from hexplane.specs.hypotheses import Hypothesis, check_arms
from hexplane.specs.model import BottleneckSpec, ModelSpec
from hexplane.specs.normalise import NormaliseSpec
from hexplane.specs.parse import explain
from hexplane.specs.render import RenderSpec
from hexplane.specs.sample import Samples
from hexplane.specs.train import TrainingSpec

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""Names of meshes and experiments: they become file names and workflow wildcards."""


def _experiment_name(name: str) -> str:
    if not NAME.fullmatch(name) or name.startswith("oracle-"):
        raise ValueError("use letters, digits, '.', '_' and '-'; 'oracle-' is taken")
    return name


class MeshesConfig(NormaliseSpec):
    """Where the heads come from."""

    files: list[str] = Field(
        default=[], description="Mesh files or glob patterns; when empty, heads are generated."
    )
    generate: int = Field(8, ge=1, le=100_000, description="Heads to generate without files.")


Part = Annotated[float, Field(ge=0, lt=1)] | list[str]


class SplitConfig(Spec):
    """Which meshes are held out: a fraction, rounded, or names."""

    validation: Part = Field(0.125, description="Watched during training, never trained on.")
    test: Part = Field(0.125, description="Seen by no training at all.")


class EvaluationConfig(Evaluation):
    """What is measured on which heads."""

    heads: Literal["all"] | list[str] = Field(
        "all",
        description="Heads taken to mesh files and pictures; diagnostics choose their own.",
    )


class Experiment(Decoded):
    """One arm: what goes in, what the latent is, and what differs from the shared settings."""

    bottleneck: BottleneckSpec = Field(description="What the latent is.")
    heads: int | None = Field(
        None, ge=1, description="Train on so many of the training heads; all when left out."
    )
    field: ExtractionField = Field("fusion", description="What the mesh is taken from.")
    model: dict[str, Any] = Field({}, description="Keys of `model` that differ in this arm.")
    training: dict[str, Any] = Field({}, description="Keys of `training` that differ.")


class HardwareConfig(Spec):
    """What runs where. No result depends on it, so that no change of it runs a stage again."""

    cache_gb: float = Field(
        4.0,
        ge=0,
        description="GB of the training device for heads; if those of a training take "
        "more, they are read from disk as they come; likewise those that it watches.",
    )


class Config(Spec):
    """The whole configuration."""

    seed: int = Field(0, ge=0, description="Seed of heads, split, samples and training.")
    meshes: MeshesConfig = MeshesConfig()
    split: SplitConfig = SplitConfig()
    render: RenderSpec = RenderSpec()
    samples: Samples = Samples()
    model: ModelSpec = ModelSpec()
    training: TrainingSpec = TrainingSpec()
    extraction: Extraction = Extraction()
    evaluation: EvaluationConfig = EvaluationConfig()
    hardware: HardwareConfig = HardwareConfig()
    repeats: int = Field(
        1,
        ge=1,
        le=100,
        description="Trainings of each arm, seeded seed, seed + 1, ...; mesh files of the first.",
    )
    experiments: dict[Annotated[str, AfterValidator(_experiment_name)], Experiment] = Field(
        min_length=1, description="The arms, by name."
    )
    hypotheses: dict[str, Hypothesis] = Field(
        {}, description="What the experiment should settle, written down before it runs."
    )

    @field_validator("experiments", mode="before")
    @classmethod
    def _without_dropped(cls, experiments: Any) -> Any:
        """A preset drops an arm of config.yaml by setting it to null."""
        if not isinstance(experiments, dict):
            return experiments
        return {name: arm for name, arm in experiments.items() if arm is not None}

    @model_validator(mode="after")
    def _arms_are_sound(self) -> "Config":
        for name, experiment in self.experiments.items():
            for part, shared in (("model", self.model), ("training", self.training)):
                own = getattr(experiment, part)
                try:
                    type(shared).model_validate(shared.model_dump() | own)
                except ValidationError as error:
                    raise UserError(explain(error, ("experiments", name, part))) from error
            if experiment.field == "sdf" and not self.training_of(name).sdf_weight:
                raise UserError(
                    f"experiments.{name}.field: sdf is not trained where training.sdf_weight is 0 "
                    "(allowed: fusion, or a weight above 0)"
                )
            model = self.model_of(name)
            if self.render.resolution % model.outer_resolution:
                raise UserError(
                    f"model.latent_resolution: {model.latent_resolution} does not fit "
                    f"render.resolution {self.render.resolution} in {name} (allowed: "
                    f"latent_resolution * 2^(levels - 1) = {model.outer_resolution} divides it)"
                )
        check_arms(self.hypotheses, list(self.experiments), measures(self.evaluation.thresholds))
        return self

    def model_of(self, experiment: str) -> ModelSpec:
        """`model` as one arm sees it."""
        own = self.experiments[experiment].model
        return ModelSpec.model_validate(self.model.model_dump() | own)

    def training_of(self, experiment: str) -> TrainingSpec:
        """`training` as one arm sees it."""
        own = self.experiments[experiment].training
        return TrainingSpec.model_validate(self.training.model_dump() | own)


def parse_config(values: dict[str, Any]) -> Config:
    """A checked configuration.

    Raises:
        UserError: one line for each key that is unknown, missing or out of range.
    """
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise UserError(explain(error)) from error


def schema_text() -> str:
    """JSON schema of config.yaml, for editors; kept in workflow/schemas."""
    return json.dumps(Config.model_json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
