"""From a configuration to the workflow's jobs: meshes, split, and the settings of each stage.

Everything a rule needs at parse time; nothing here imports more than pydantic and PyYAML.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from glob import glob
from pathlib import Path

from hexplane.config import NAME, Config, Part
from hexplane.errors import UserError
from hexplane.formats import EXTENSIONS
from hexplane.order import in_turn
from hexplane.provenance import canonical_json, code_digest
from hexplane.specs.base import Spec
from hexplane.specs.diagnose import DiagnoseSpec
from hexplane.specs.evaluate import EvaluateSpec
from hexplane.specs.extract import ExtractSpec, OracleSpec
from hexplane.specs.features import Features
from hexplane.specs.generate import GenerateSpec
from hexplane.specs.interpolate import InterpolateSpec
from hexplane.specs.normalise import NormaliseSpec
from hexplane.specs.report import ReportSpec
from hexplane.specs.sample import SampleSpec
from hexplane.specs.train import TrainSpec

ORACLES: dict[Features, Features] = {"normal": "occupancy"}
"""Features whose extraction reads no more than others'."""
MOST_DIAGNOSED = 16
"""Held-out heads, and training heads, that a run's diagnostics look at; so many are watched."""
MOST_INPUTS = 64
"""Training heads whose principal components a run's diagnostics take."""


@dataclass(frozen=True)
class Plan:
    """What a configuration asks for, relative to a working directory."""

    config: Config
    folder: Path

    @cached_property
    def sources(self) -> dict[str, str]:
        """Source file of each mesh by the mesh's name; empty when heads are generated.

        Raises:
            UserError: a pattern matches nothing, or two files would share a name.
        """
        sources: dict[str, str] = {}
        mistakes = []
        for pattern in self.config.meshes.files:
            files = sorted(glob(pattern, root_dir=self.folder))
            if not files:
                mistakes.append(f"meshes.files: no file matches {pattern!r}")
            for file in files:
                name, suffix = Path(file).stem, Path(file).suffix
                if suffix.lower() not in EXTENSIONS:
                    allowed = " ".join(EXTENSIONS)
                    mistakes.append(
                        f"meshes.files: {file}: unknown mesh format (allowed: {allowed})"
                    )
                elif not NAME.fullmatch(name):
                    mistakes.append(
                        f"meshes.files: {file}: rename it (letters, digits, '.', '_' and '-' only)"
                    )
                elif sources.get(name, file) != file:
                    mistakes.append(
                        f"meshes.files: {sources[name]} and {file} share the name {name!r}: "
                        "results would overwrite each other; rename one"
                    )
                else:
                    sources[name] = file
        if mistakes:
            raise UserError("\n".join(mistakes))
        return sources

    @cached_property
    def seeds(self) -> dict[str, int]:
        """Seed of each generated head by its name; empty when files are given."""
        if self.sources:
            return {}
        base = 100_000 * self.config.seed
        return {f"head-{i:03d}": base + i for i in range(self.config.meshes.generate)}

    @cached_property
    def meshes(self) -> list[str]:
        """Names of all meshes."""
        return list(self.sources or self.seeds)

    @cached_property
    def split(self) -> dict[str, list[str]]:
        """Names of the meshes in train, validation and test.

        Fractions are taken in the order of a seeded hash of the names, so that neither the order
        of files nor a new one reshuffles the rest.

        Raises:
            UserError: a name is unknown or held out twice, or no mesh is left to train on.
        """
        chosen: dict[str, list[str]] = {}
        free = sorted(self.meshes, key=self._rank)
        wanted: dict[str, Part] = {
            "test": self.config.split.test,
            "validation": self.config.split.validation,
        }
        for part, names in wanted.items():
            if isinstance(names, list):
                for name in names:
                    if name not in self.meshes:
                        some = ", ".join(self.meshes[:8])
                        raise UserError(f"split.{part}: no mesh named {name!r} (there are: {some})")
                    if name not in free:
                        raise UserError(f"split.{part}: {name!r} is held out twice")
                    free.remove(name)
                chosen[part] = list(names)
        for part, share in wanted.items():
            if not isinstance(share, list):
                count = round(share * len(self.meshes))
                chosen[part], free = free[:count], free[count:]
        if not free:
            raise UserError(
                f"split: no mesh left to train on: of {len(self.meshes)}, "
                f"{len(chosen['validation'])} go to validation and {len(chosen['test'])} to test"
            )
        return {"train": sorted(free), **{part: sorted(chosen[part]) for part in wanted}}

    def _rank(self, name: str) -> str:
        return hashlib.sha256(f"{self.config.seed}:{name}".encode()).hexdigest()

    @property
    def experiments(self) -> list[str]:
        """Names of the arms."""
        return list(self.config.experiments)

    @cached_property
    def runs(self) -> dict[str, tuple[str, int]]:
        """Arm and seed of each training by its name: the arm's own, then `arm@1`, `arm@2`, ..."""
        return {
            f"{experiment}@{i}" if i else experiment: (experiment, self.config.seed + i)
            for experiment in self.experiments
            for i in range(self.config.repeats)
        }

    def training_heads(self, run: str) -> list[str]:
        """Meshes that a run is trained on."""
        return self.split["train"][: self.config.experiments[self.runs[run][0]].heads]

    @property
    def watched(self) -> list[str]:
        """Validation heads that every training looks at as it goes."""
        return self.split["validation"][:MOST_DIAGNOSED]

    @cached_property
    def evaluated(self) -> list[str]:
        """Meshes that every arm is taken through to files and metrics.

        Raises:
            UserError: a name is unknown.
        """
        chosen = self.config.evaluation.heads
        if chosen == "all":
            return self.meshes
        for name in chosen:
            if name not in self.meshes:
                some = ", ".join(self.meshes[:8])
                raise UserError(f"evaluation.heads: no mesh named {name!r} (there are: {some})")
        return list(chosen)

    @cached_property
    def interpolated(self) -> list[str]:
        """The two heads that meshes are blended between, held-out ones first; or none."""
        pair = in_turn(self.split, self.evaluated)[:2]
        return pair if len(pair) == 2 else []

    @cached_property
    def judged(self) -> list[str]:
        """Meshes that oracles are measured on: whatever any arm is."""
        found = [
            mesh for run in self.runs for part in self.diagnosed(run).values() for mesh in part
        ]
        return list(dict.fromkeys([*self.evaluated, *found]))

    def inputs(self, run: str) -> list[str]:
        """Training heads whose principal components a run's diagnostics take."""
        return self.training_heads(run)[:MOST_INPUTS]

    def diagnosed(self, run: str) -> dict[str, list[str]]:
        """Meshes that a run is diagnosed on: held-out ones, and no more of its training heads."""
        held_out = [*self.split["validation"], *self.split["test"]][:MOST_DIAGNOSED]
        train = self.training_heads(run)[: max(1, len(held_out))]
        return {"train": train, "held_out": held_out}

    def oracle(self, experiment: str) -> str:
        """Name of the oracle that an arm is judged against."""
        arm = self.config.experiments[experiment]
        if arm.field == "sdf":
            return "oracle-sdf"
        return f"oracle-{ORACLES.get(arm.features, arm.features)}"

    @property
    def oracles(self) -> list[str]:
        """Names of all oracles that some arm needs."""
        return sorted({self.oracle(experiment) for experiment in self.experiments})

    # The settings of each stage: exactly what it reads, so that no other key runs it again.

    def generate(self, mesh: str) -> GenerateSpec:
        """Settings of one head's generation."""
        return GenerateSpec(seed=self.seeds[mesh])

    def normalise(self) -> NormaliseSpec:
        """Settings of the normalisation; generated heads are y-up whatever files are."""
        return NormaliseSpec(up=self.config.meshes.up if self.sources else "y")

    def sample(self) -> SampleSpec:
        """Settings of the signed-distance samples."""
        return SampleSpec(**self.config.samples.model_dump(), seed=self.config.seed)

    def train(self, run: str) -> TrainSpec:
        """Settings of one run's training."""
        experiment, seed = self.runs[run]
        arm = self.config.experiments[experiment]
        return TrainSpec(
            features=arm.features,
            likelihood=arm.likelihood,
            bottleneck=arm.bottleneck,
            model=self.config.model_of(experiment),
            training=self.config.training_of(experiment),
            seed=seed,
        )

    def extract(self, experiment: str) -> ExtractSpec:
        """Settings of the extraction from one arm's latents."""
        arm = self.config.experiments[experiment]
        return ExtractSpec(**self.config.extraction.model_dump(), field=arm.field)

    def interpolate(self, experiment: str) -> InterpolateSpec:
        """Settings of the meshes between two of an arm's latents."""
        return InterpolateSpec(**self.extract(experiment).model_dump())

    def extract_oracle(self, oracle: str) -> OracleSpec:
        """Settings of the extraction from the ground truth."""
        kind = oracle.removeprefix("oracle-")
        chosen = {"field": "sdf"} if kind == "sdf" else {"features": kind}
        return OracleSpec.model_validate(self.config.extraction.model_dump() | chosen)

    def evaluate(self) -> EvaluateSpec:
        """Settings of the metrics."""
        measured = self.config.evaluation.model_dump(exclude={"heads"})
        return EvaluateSpec(**measured, seed=self.config.seed)

    def diagnose(self, run: str) -> DiagnoseSpec:
        """Settings of one run's diagnostics."""
        extraction = self.extract(self.runs[run][0]).model_dump()
        return DiagnoseSpec(
            **extraction,
            **self.evaluate().model_dump(),
            heads=self.diagnosed(run),
            inputs=self.inputs(run),
        )

    def report(self) -> ReportSpec:
        """Settings of the report: which arm is judged by which oracle on which heads."""
        return ReportSpec(
            split=self.split,
            heads=self.evaluated,
            interpolated=self.interpolated,
            runs={run: self.runs[run] for run in self.runs},
            oracles={experiment: self.oracle(experiment) for experiment in self.experiments},
            config=self.config.model_dump(mode="json", exclude={"hardware"}),
        )


def spec_param(spec: Spec) -> str:
    """The `spec` parameter of a rule."""
    return "spec:" + canonical_json(spec.model_dump(mode="json"))


def code_param(stage: str) -> str:
    """The `code` parameter of a rule."""
    return "code:" + code_digest(f"hexplane.stages.{stage}")
