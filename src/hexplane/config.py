"""config.yaml: every key of it, checked before anything runs."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from hexplane.geometry.modality import DEPTH
from hexplane.model import bottlenecks, codecs
from hexplane.model.settings import ModalitySettings
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.parse import explain
from hexplane.plumbing.paths import DEFAULT, FOLDERS, LONGEST_NAME, NAME, PAPER
from hexplane.plumbing.settings import MOST_NAMES, MOST_SEED, Settings, each_once, shown
from hexplane.plumbing.splits import GROUPS
from hexplane.settings.classical import SOLIDS, TRUTH, ClassicalSection
from hexplane.settings.diagnose import measures
from hexplane.settings.distances import DistancesSection
from hexplane.settings.draw import MOST_DRAWS, TemperatureSettings
from hexplane.settings.evaluate import MeasureSettings
from hexplane.settings.extract import ExtractionField, ExtractionSection
from hexplane.settings.generate import Vary
from hexplane.settings.hypotheses import Hypothesis, check_arms
from hexplane.settings.normalise import NormaliseSettings
from hexplane.settings.rates import RIVALS, Budgets
from hexplane.settings.render import RenderSettings
from hexplane.settings.train import TrainingSettings

_TABLES = {
    Path(path).name
    for path in (
        *(DEFAULT.summary, DEFAULT.runs, DEFAULT.rates, DEFAULT.snapshots),
        DEFAULT.classical_table,
    )
}
"""Files beside the folders of arms."""


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(
            "use letters, digits, '.', '_' and '-', and begin with one of the first two"
        )
    return name


def _study_name(name: str) -> str:
    if name in FOLDERS:
        raise ValueError(f"{name!r} is taken: a folder of each study has that name")
    if name == Path(PAPER).parent.name:
        raise ValueError(f"{name!r} is taken: what is written of all studies lies there")
    return _name(name)


def _arm_name(name: str) -> str:
    if name.startswith("oracle-"):
        raise ValueError("names that begin with 'oracle-' are taken")
    if name in RIVALS:
        raise ValueError(f"{name!r} is taken: a rival of all arms has that name")
    if name == TRUTH:
        raise ValueError(f"{name!r} is taken: rendered views have that name beside decoded ones")
    if name in _TABLES:
        raise ValueError(f"{name!r} is taken: a table beside the arms' folders has that name")
    return _name(name)


def _family_name(name: str) -> str:
    if not NAME.fullmatch(name) or name in GROUPS:
        raise ValueError(f"use letters, digits, '.', '_' and '-'; taken: {', '.join(GROUPS)}")
    return name


def _pattern(pattern: str) -> str:
    if not pattern or any(ord(letter) < 32 or letter == "\x7f" for letter in pattern):
        raise ValueError(f"{shown(pattern)} is no file name: it is empty or has control characters")
    return pattern


_SPELLING = Field(max_length=LONGEST_NAME, json_schema_extra={"pattern": f"^{NAME.pattern}$"})
StudyName = Annotated[str, _SPELLING, AfterValidator(_study_name)]
FamilyName = Annotated[str, _SPELLING, AfterValidator(_family_name)]
ArmName = Annotated[str, _SPELLING, AfterValidator(_arm_name)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Names = Annotated[list[str], Field(max_length=MOST_NAMES)]


class MeshesSection(NormaliseSettings):
    """Where the heads come from: files and generated heads together."""

    files: list[Pattern] = Field(
        default=[],
        max_length=MOST_NAMES,
        description="Mesh files or glob patterns; generated heads join them.",
    )
    generate: int = Field(
        8, ge=0, le=MOST_NAMES, description="Heads to generate, beside those of files."
    )
    vary: Vary = 0


def _share_count_or_names(held_out: Any) -> Any:
    """One line about what cannot be, where a union would say one for each of its branches."""
    given = held_out
    if isinstance(held_out, str):  # numbers of the option --config come as texts
        for kind in (float, int):
            with suppress(ValueError):
                held_out = kind(given)
    number = isinstance(held_out, int | float) and not isinstance(held_out, bool)
    most = MOST_NAMES + 1 if isinstance(held_out, int) else 1
    if not (isinstance(held_out, list) or (number and 0 <= held_out < most)):
        allowed = "a share less than 1, how many heads, or a list of names"
        raise ValueError(f"{shown(given)} (allowed: {allowed})")
    return held_out


HeldOut = Annotated[
    Annotated[int, Field(ge=0, le=MOST_NAMES, strict=True)]
    | Annotated[float, Field(ge=0, lt=1)]
    | Names,
    BeforeValidator(_share_count_or_names),
]


class SplitSection(Settings):
    """Which meshes are held out: a share below 1, rounded, or how many, or names."""

    validation: HeldOut = Field(0.125, description="Watched during training, never trained on.")
    test: HeldOut = Field(0.125, description="Seen by no training at all.")


class EvaluationSection(MeasureSettings):
    """What is measured on which heads."""

    heads: Literal["all", "test"] | Names = Field(
        "all",
        description="Heads taken to mesh files and pictures: all, those of the test, or names; "
        "diagnostics choose their own.",
    )
    files: dict[
        FamilyName, Annotated[list[Pattern], Field(min_length=1, max_length=MOST_NAMES)]
    ] = Field(
        default={},
        max_length=1000,
        description="Mesh files or glob patterns of other families of heads, by family: "
        "evaluated as test heads are, and never trained on.",
    )
    rates: Budgets = Field(
        (),
        description="Bytes that a file may take: every arm, Draco and the mean head are measured "
        "at each, on the heads above; none: not at all.",
    )

    @field_validator("heads")
    @classmethod
    def _named_once(cls, heads: str | list[str]) -> str | list[str]:
        return heads if isinstance(heads, str) else each_once(heads)


class ArmSection(ModalitySettings):
    """One arm: what goes in, what the latent is, and what differs from the shared settings."""

    bottleneck: bottlenecks.AnyBottleneckSettings = Field(description="What the latent is.")
    heads: int | None = Field(
        None,
        ge=1,
        le=MOST_NAMES,
        description="Train on so many of the training heads; all when left out.",
    )
    field: ExtractionField = Field("fusion", description="What the mesh is taken from.")
    model: dict[str, Any] = Field({}, description="Keys of `model` that differ in this arm.")
    training: dict[str, Any] = Field({}, description="Keys of `training` that differ.")
    share_of_steps: float = Field(
        1.0, gt=0, le=1, description="Of `training.steps`, the share that this arm takes."
    )


class DrawsSection(TemperatureSettings):
    """New heads of each arm that has a prior."""

    count: int = Field(
        0,
        ge=0,
        le=MOST_DRAWS,
        description="Heads that each arm with a prior draws, to be set beside real ones; or none.",
    )


class HardwareSection(Settings):
    """What runs where. No result depends on it, so that no change of it runs a stage again."""

    cache_gb: float = Field(
        4.0,
        ge=0,
        le=1e6,
        description="GB of the training device for heads; if those of a training take "
        "more, they are read from disk as they come; likewise those that it watches.",
    )


class Config(Settings):
    """The whole configuration."""

    study: StudyName = Field(
        "default", description="Name of this configuration: its results lie in results/{study}/."
    )
    seed: int = Field(
        0, ge=0, le=MOST_SEED, description="Seed of heads, split, samples and training."
    )
    meshes: MeshesSection = MeshesSection()
    split: SplitSection = SplitSection()
    render: RenderSettings = RenderSettings()
    distances: DistancesSection = DistancesSection()
    model: codecs.AnyModelSettings = Field(
        codecs.KINDS[codecs.DEFAULT](), description="Which codec, and its sizes."
    )
    training: TrainingSettings = TrainingSettings()
    extraction: ExtractionSection = ExtractionSection()
    draws: DrawsSection = DrawsSection()
    evaluation: EvaluationSection = EvaluationSection()
    classical: ClassicalSection = ClassicalSection()
    hardware: HardwareSection = HardwareSection()
    repeats: int = Field(
        1,
        ge=1,
        le=100,
        description="Trainings of each arm, seeded seed, seed + 1, ...; mesh files of the first.",
    )
    arms: dict[ArmName, ArmSection] = Field(
        min_length=1, max_length=1000, description="The arms, by name."
    )
    hypotheses: dict[str, Hypothesis] = Field(
        {},
        max_length=1000,
        description="What the study should settle, written down before it runs.",
    )

    @field_validator("arms", mode="before")
    @classmethod
    def _without_dropped(cls, arms: Any) -> Any:
        """A preset drops an arm of config.yaml by setting it to null."""
        if not isinstance(arms, dict):
            return arms
        return {name: arm for name, arm in arms.items() if arm is not None}

    @model_validator(mode="after")
    def _arms_are_sound(self) -> "Config":
        lines = [line for name in self.arms for line in self._mistakes(name)]
        if self.classical.solids and SOLIDS in self.evaluation.files:
            lines.append(
                f"evaluation.files.{SOLIDS}: classical.solids has that family "
                "(allowed: another name)"
            )
        if lines:
            raise UserError("\n".join(dict.fromkeys(lines)))
        check_arms(self.hypotheses, list(self.arms), measures(self.evaluation.thresholds))
        return self

    def _mistakes(self, name: str) -> list[str]:
        """What does not fit in one arm, a line each."""
        arm = self.arms[name]
        lines = []
        for part, settings_of in (("model", self.model_of), ("training", self.training_of)):
            try:
                settings_of(name)
            except ValidationError as error:
                lines += explain(error, getattr(arm, part), ("arms", name, part)).splitlines()
        if lines:
            return lines
        model, training = self.model_of(name), self.training_of(name)
        kind = f"model.kind {model.kind}"
        if arm.field == "fusion" and not model.decodes_images:
            lines.append(
                f"arms.{name}.field: {arm.field} needs views, and {kind} decodes none "
                "(allowed: sdf)"
            )
        method = self.extraction.method
        if method != "fusion" and arm.field == "fusion" and arm.features not in DEPTH:
            lines.append(
                f"extraction.method: {method} needs depth, and arms.{name}.features: "
                f"{arm.features} has none (allowed: fusion)"
            )
        if model.fitted:
            if arm.features not in ("occupancy", "depth_normal"):
                lines.append(
                    f"arms.{name}.features: {arm.features} holds no solid for {kind} "
                    "(allowed: occupancy, depth_normal)"
                )
        elif arm.field == "sdf" and not training.sdf_weight:
            fusion = "fusion, or " if model.decodes_images else ""
            lines.append(
                f"arms.{name}.field: sdf is not trained where training.sdf_weight is 0 "
                f"(allowed: {fusion}a weight above 0)"
            )
        if training.snapshots and not (model.fitted or model.decodes_images):
            lines.append(
                f"arms.{name}.training.snapshots: they show views, and {kind} decodes none "
                "(allowed: [])"
            )
        misfit = model.misfit(self.render.resolution)
        if misfit:
            lines.append(f"{f'arms.{name}.' if arm.model else ''}model.{misfit}")
        return lines

    def model_of(self, arm: str) -> codecs.ModelSettings:
        """`model` as one arm sees it; an arm of another kind shares no key with the rest."""
        own = self.arms[arm].model
        shared = self.model.model_dump()
        if own.get("kind", shared["kind"]) != shared["kind"]:
            shared = {}
        return TypeAdapter(codecs.AnyModelSettings).validate_python(shared | own)

    def draws_of(self, arm: str) -> int:
        """Heads that an arm draws; none without a prior."""
        prior = self.model_of(arm).fitted or self.arms[arm].bottleneck.has_prior
        return self.draws.count if prior else 0

    def training_of(self, arm: str) -> TrainingSettings:
        """`training` as one arm sees it."""
        own, share = self.arms[arm].training, self.arms[arm].share_of_steps
        settings = TrainingSettings.model_validate(self.training.model_dump() | own)
        return settings.model_copy(update={"steps": max(1, round(settings.steps * share))})


def parse_config(values: dict[str, Any]) -> Config:
    """A checked configuration.

    Raises:
        UserError: one line for each key that is unknown, missing or out of range.
    """
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise UserError(explain(error, values)) from None


def schema_text() -> str:
    """JSON schema of config.yaml, for editors; kept in workflow/schemas."""
    return json.dumps(Config.model_json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
