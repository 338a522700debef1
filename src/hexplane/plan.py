"""From a configuration to the workflow's jobs: meshes, split, and the settings of each stage.

Everything a rule needs at parse time; nothing here imports more than pydantic and PyYAML.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hexplane.config import Config
from hexplane.geometry.modality import DEPTH, Features
from hexplane.plumbing.contents import Known, content, read_known
from hexplane.plumbing.digests import canonical_json, code_digest, digest
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import write_json, write_text
from hexplane.plumbing.paths import CHECKED, Layout, study
from hexplane.plumbing.settings import Settings
from hexplane.plumbing.splits import OTHERS
from hexplane.settings.classical import SOLIDS, TRUTH, ClassicalSettings
from hexplane.settings.diagnose import DiagnoseSettings
from hexplane.settings.distances import DistancesSettings
from hexplane.settings.draw import DrawSettings
from hexplane.settings.evaluate import EvaluateSettings
from hexplane.settings.extract import ExtractSettings, OracleSettings
from hexplane.settings.generate import GenerateSettings
from hexplane.settings.interpolate import InterpolateSettings
from hexplane.settings.normalise import NormaliseSettings
from hexplane.settings.novelty import NoveltySettings
from hexplane.settings.paper import PaperSettings
from hexplane.settings.rates import (
    AVERAGED,
    DRACO,
    MEAN,
    PARAMETERS,
    RIVALS,
    MeasuredSettings,
    ParametersSettings,
    RatesSettings,
)
from hexplane.settings.render import RenderSettings
from hexplane.settings.report import ReportSettings
from hexplane.settings.solid import SolidSettings
from hexplane.settings.train import MOST_WATCHED, TrainingSettings, TrainSettings
from hexplane.sources import find_sources
from hexplane.split import in_turn, not_held_out, split_heads, unknown

ORACLES: dict[Features, Features] = {"normal": "occupancy"}
"""Features whose extraction reads no more than others'."""
MOST_DIAGNOSED = 16
"""Held-out heads, and training heads, that a run's diagnostics look at."""
MOST_COMPARED = 1000
"""Training heads, and held-out ones, that drawn heads are set beside."""
MOST_INPUTS = 64
"""Training heads whose principal components a run's diagnostics take."""


@dataclass(frozen=True)
class Plan:
    """What a configuration asks for, relative to a working directory."""

    config: Config
    folder: Path

    @cached_property
    def paths(self) -> Layout:
        """Where the study's files lie."""
        return study(self.config.study)

    @cached_property
    def seeds(self) -> dict[str, int]:
        """Seed of each generated head by its name."""
        base = 100_000 * self.config.seed
        return {f"head-{i:03d}": base + i for i in range(self.config.meshes.generate)}

    @property
    def solids(self) -> list[str]:
        """Names of the analytic solids, which are a family of their own; or none."""
        return list(self.config.classical.solids)

    @cached_property
    def _files(self) -> dict[str, dict[str, str]]:
        asked = {"meshes.files": self.config.meshes.files}
        families = self.config.evaluation.files
        asked |= {f"evaluation.files.{family}": families[family] for family in families}
        return find_sources(asked, self.folder, [*self.seeds, *self.solids])

    @cached_property
    def sources(self) -> dict[str, str]:
        """Source file of each mesh that is not generated, by the mesh's name.

        Raises:
            UserError: a pattern matches nothing, or two heads would share a name.
        """
        return {name: file for found in self._files.values() for name, file in found.items()}

    @cached_property
    def _known(self) -> Known:
        try:
            return read_known(self.folder / CHECKED)
        except UserError:
            return {}  # the check names it

    @cached_property
    def _contents(self) -> dict[str, str]:
        return {}

    def content(self, mesh: str) -> str:
        """SHA-256 of a mesh's source file, taken once; nothing for a generated one.

        Snakemake goes by times, and overlooks a file that was replaced by an older one.
        """
        if mesh not in self._contents:
            source = self.sources.get(mesh)
            try:
                own = self._known.get(source or "")
                self._contents[mesh] = content(self.folder / source, own) if source else ""
            except OSError:
                self._contents[mesh] = ""  # the check names it
        return self._contents[mesh]

    @cached_property
    def heads(self) -> list[str]:
        """Names of the heads that are split into train, validation and test.

        Raises:
            UserError: there is none.
        """
        heads = [*self._files["meshes.files"], *self.seeds]
        if not heads:
            raise UserError("meshes: no heads (allowed: some files, or generate at least 1)")
        return heads

    @cached_property
    def others(self) -> dict[str, list[str]]:
        """Names of the heads of each other family, which no training sees."""
        families = self.config.evaluation.files
        found = {family: list(self._files[f"evaluation.files.{family}"]) for family in families}
        return found | ({SOLIDS: self.solids} if self.solids else {})

    @cached_property
    def meshes(self) -> list[str]:
        """Names of all meshes: the study's own heads, then those of other families."""
        return [*self.heads, *sum(self.others.values(), [])]

    @cached_property
    def split(self) -> dict[str, list[str]]:
        """Names of the heads in train, validation and test.

        Raises:
            UserError: a name is unknown or held out twice, or no head is left to train on.
        """
        chosen = self.config.split
        held_out = {"test": chosen.test, "validation": chosen.validation}
        return split_heads(self.heads, held_out, self.config.seed)

    @property
    def warning(self) -> str:
        """What a user should know before anything runs, or nothing."""
        return not_held_out(self.split, self.config.split.model_dump())

    @property
    def arms(self) -> list[str]:
        """Names of the arms."""
        return list(self.config.arms)

    @cached_property
    def runs(self) -> dict[str, tuple[str, int]]:
        """Arm and seed of each training by its name: the arm's own, then `arm@1`, `arm@2`, ..."""
        return {
            f"{arm}@{i}" if i else arm: (arm, self.config.seed + i)
            for arm in self.arms
            for i in range(self.config.repeats)
        }

    def fitted(self, run: str) -> bool:
        """Whether a run's codec is fitted in closed form."""
        return self.config.model_of(self.runs[run][0]).fitted

    def steps(self, run: str) -> int:
        """Steps of a run's training; none of a codec that is fitted in closed form."""
        return 0 if self.fitted(run) else self.train(run).training.steps

    def training_heads(self, run: str) -> list[str]:
        """Meshes that a run is trained on."""
        return self.split["train"][: self.config.arms[self.runs[run][0]].heads]

    @property
    def watched(self) -> list[str]:
        """Validation heads that every training looks at as it goes."""
        return self.split["validation"][:MOST_WATCHED]

    @cached_property
    def evaluated(self) -> list[str]:
        """Meshes that every arm is taken through to files and metrics: other families always.

        Raises:
            UserError: a name is unknown.
        """
        chosen = self.config.evaluation.heads
        if chosen == "all":
            return self.meshes
        if chosen == "test":
            chosen = self.split["test"]
        for name in chosen:
            if name not in self.meshes:
                raise UserError(f"evaluation.heads: {unknown(name, self.meshes)}")
        return list(dict.fromkeys([*chosen, *sum(self.others.values(), [])]))

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

    @property
    def rated(self) -> dict[str, list[str]]:
        """Arms and rivals that are measured over their rates, and on which heads; or none."""
        if not self.config.evaluation.rates:
            return {}
        heads = dict.fromkeys([*self.arms, *RIVALS], self.evaluated)
        # Varied heads have more to them than those numbers.
        own = [] if self.config.meshes.vary else self.seeds
        heads[PARAMETERS] = [mesh for mesh in self.evaluated if mesh in own]
        return {method: names for method, names in heads.items() if names}

    @property
    def snapshots(self) -> bool:
        """Whether some training looks at what it decodes as it goes."""
        return any(self.config.training_of(arm).snapshots for arm in self.arms)

    @property
    def reconstructed(self) -> dict[str, list[str]]:
        """Heads by the source of the views that classical methods take: rendered, or an arm."""
        if not self.config.classical.methods:
            return {}
        arms = [
            arm
            for arm in self.arms
            if self.config.arms[arm].features in DEPTH and self.config.model_of(arm).decodes_images
        ]
        return dict.fromkeys([TRUTH, *arms], self.evaluated)

    @property
    def averaged(self) -> list[str]:
        """Training heads that the mean head is of."""
        return self.split["train"][:AVERAGED]

    @property
    def drawn(self) -> list[str]:
        """Arms that draw new heads."""
        return [arm for arm in self.arms if self.config.draws_of(arm)]

    @property
    def held_out(self) -> list[str]:
        """Heads that no training learns from: those that drawn ones are set beside."""
        return [*self.split["validation"], *self.split["test"]][:MOST_COMPARED]

    def compared(self, arm: str) -> dict[str, list[str]]:
        """Meshes that an arm's draws are set beside."""
        return {"train": self.training_heads(arm)[:MOST_COMPARED], "held_out": self.held_out}

    def oracle(self, arm: str) -> str:
        """Name of the oracle that an arm is judged against."""
        chosen = self.config.arms[arm]
        if chosen.field == "sdf":
            return "oracle-sdf"
        return f"oracle-{ORACLES.get(chosen.features, chosen.features)}"

    @property
    def oracles(self) -> list[str]:
        """Names of all oracles that some arm needs."""
        return sorted({self.oracle(arm) for arm in self.arms})

    @cached_property
    def results(self) -> dict[str, str | None]:
        """Manifests of all that the report is made of, each with the digest of its `spec`.

        None stands where the rule has no `spec`.
        """
        paths = self.paths
        found: dict[str, str | None] = {}

        def add(pattern: str, settings: Settings | None, meshes: Iterable[str], **of: str) -> None:
            spec = None if settings is None else digest(settings.model_dump(mode="json"))
            found.update({pattern.format(mesh=mesh, **of): spec for mesh in meshes})

        for mesh in self.meshes:
            if mesh in self.seeds:
                add(paths.head_manifest, self.generate(mesh), [mesh])
            if mesh in self.solids:
                add(paths.head_manifest, self.solid(mesh), [mesh])
            add(paths.mesh_manifest, self.normalise(mesh), [mesh])
        add(paths.hexplane_manifest, self.render(), self.meshes)
        add(paths.distance_manifest, self.distances(), self.sampled)
        for run in self.runs:
            add(paths.model_manifest, self.train(run), [""], run=run)
            add(paths.diagnostics, self.diagnose(run), [""], run=run)
        for arm in self.arms:
            add(paths.latent_manifest, None, self.evaluated, arm=arm)
            add(paths.reconstruction_manifest, self.extract(arm), self.evaluated, method=arm)
            add(paths.metrics, self.evaluate(), self.evaluated, method=arm)
            if self.interpolated:
                add(paths.interpolation_manifest, self.interpolate(arm), [""], arm=arm)
        for oracle in self.oracles:
            extraction = self.extract_oracle(oracle)
            add(paths.reconstruction_manifest, extraction, self.judged, method=oracle)
            add(paths.metrics, self.evaluate(), self.judged, method=oracle)
        for arm in self.drawn:
            add(paths.draw_manifest, self.draw(arm), [""], arm=arm)
            add(paths.novelty, self.novelty(arm), [""], arm=arm)
        for source, heads in self.reconstructed.items():
            add(paths.classical, self.classical(), heads, method=source)
        if self.rated:
            add(paths.mean_manifest, None, [""])
        for method, heads in self.rated.items():
            if method == PARAMETERS:
                for mesh in heads:
                    add(paths.rate, self.parameters(mesh), [mesh], method=method)
                continue
            rivals = {DRACO: self.measured, MEAN: self.evaluate}
            settings = rivals[method]() if method in rivals else self.rates(method)
            add(paths.rate, settings, heads, method=method)
        add(paths.page_manifest, self.report(), [""])
        return found

    @cached_property
    def sampled(self) -> list[str]:
        """Meshes whose signed distances some run reads: trained by steps, or diagnosed."""
        found: list[str] = []
        for run in self.runs:
            found += sum(self.diagnosed(run).values(), [])
            found += [] if self.fitted(run) else [*self.training_heads(run), *self.watched]
        return list(dict.fromkeys(found))

    def write_lists(self, given: dict[str, Any]) -> None:
        """Write what is too long for a command line, and what `hexplane verify` compares with.

        That is the split, the report's settings, all planned results, and the configuration.

        Args:
            given: the configuration as Snakemake put it together, which includes what a preset
                drops.
        """
        planned = {"results": self.results, "sources": self.sources}
        write_json(Path(self.paths.planned), planned)
        write_json(Path(self.paths.config), given)
        write_json(Path(self.paths.split), {**self.split, OTHERS: self.others})
        # Spelled as the parameter is: the order of names in it is the order on the page.
        settings = canonical_json(self.report().model_dump(mode="json"))
        write_text(Path(self.paths.report_settings), settings + "\n")

    # The settings of each stage: exactly what it reads, so that no other key runs it again.

    def generate(self, mesh: str) -> GenerateSettings:
        """Settings of one head's generation."""
        return GenerateSettings(seed=self.seeds[mesh], vary=self.config.meshes.vary)

    def solid(self, mesh: str) -> SolidSettings:
        """Settings of an analytic solid."""
        return SolidSettings.model_validate({"solid": mesh})

    def normalise(self, mesh: str) -> NormaliseSettings:
        """Settings of one mesh's normalisation; generated heads are y-up whatever files are."""
        chosen = self.config.meshes
        up = chosen.up if mesh in self.sources else "y"
        return NormaliseSettings(up=up, close=chosen.close)

    def render(self) -> RenderSettings:
        """Settings of the rendering."""
        return self.config.render

    def distances(self) -> DistancesSettings:
        """Settings of the signed-distance samples."""
        return DistancesSettings(**self.config.distances.model_dump(), seed=self.config.seed)

    def train(self, run: str) -> TrainSettings:
        """Settings of one run's training."""
        arm, seed = self.runs[run]
        chosen = self.config.arms[arm]
        model = self.config.model_of(arm)
        return TrainSettings(
            features=chosen.features,
            likelihood=chosen.likelihood,
            bottleneck=chosen.bottleneck,
            model=model,
            # What is fitted in closed form reads none of it.
            training=TrainingSettings() if model.fitted else self.config.training_of(arm),
            seed=0 if model.fitted else seed,
        )

    def modules(self, run: str) -> tuple[str, ...]:
        """Modules that a run's codec is made of; an arm's name stands for its first run."""
        return self.train(run).modules()

    def training_modules(self, run: str) -> tuple[str, ...]:
        """Modules that a run's training chooses."""
        return self.train(run).training_modules()

    def extract(self, arm: str) -> ExtractSettings:
        """Settings of the extraction from one arm's latents."""
        return ExtractSettings(
            **self.config.extraction.model_dump(), field=self.config.arms[arm].field
        )

    def interpolate(self, arm: str) -> InterpolateSettings:
        """Settings of the meshes between two of an arm's latents."""
        return InterpolateSettings(**self.extract(arm).model_dump())

    def extract_oracle(self, oracle: str) -> OracleSettings:
        """Settings of the extraction from the ground truth."""
        kind = oracle.removeprefix("oracle-")
        chosen = {"field": "sdf"} if kind == "sdf" else {"features": kind}
        return OracleSettings.model_validate(self.config.extraction.model_dump() | chosen)

    def evaluate(self) -> EvaluateSettings:
        """Settings of the metrics."""
        measured = self.config.evaluation.model_dump(exclude={"heads", "files", "rates"})
        return EvaluateSettings(**measured, seed=self.config.seed)

    def measured(self) -> MeasuredSettings:
        """Settings of a rival over its rates."""
        return MeasuredSettings(
            **self.evaluate().model_dump(), budgets=self.config.evaluation.rates
        )

    def classical(self) -> ClassicalSettings:
        """Settings of the classical methods side by side."""
        return ClassicalSettings(
            **self.config.extraction.model_dump(),
            **self.evaluate().model_dump(),
            methods=self.config.classical.methods,
        )

    def parameters(self, mesh: str) -> ParametersSettings:
        """Settings of a generated head's own numbers over their rates."""
        return ParametersSettings(**self.measured().model_dump(), head=self.seeds[mesh])

    def rates(self, arm: str) -> RatesSettings:
        """Settings of an arm over its rates."""
        return RatesSettings(**self.extract(arm).model_dump(), **self.measured().model_dump())

    def draw(self, arm: str) -> DrawSettings:
        """Settings of an arm's new heads."""
        chosen = self.config.draws
        return DrawSettings(
            **self.extract(arm).model_dump(),
            count=self.config.draws_of(arm),
            temperature=chosen.temperature,
            seed=self.config.seed,
        )

    def novelty(self, arm: str) -> NoveltySettings:
        """Settings of the comparison of an arm's new heads with real ones."""
        return NoveltySettings(
            **self.extract(arm).model_dump(), heads=self.compared(arm), seed=self.config.seed
        )

    def diagnose(self, run: str) -> DiagnoseSettings:
        """Settings of one run's diagnostics."""
        extraction = self.extract(self.runs[run][0]).model_dump()
        return DiagnoseSettings(
            **extraction,
            **self.evaluate().model_dump(),
            heads=self.diagnosed(run),
            inputs=self.inputs(run),
        )

    def report(self) -> ReportSettings:
        """Settings of the report: which arm is judged by which oracle on which heads."""
        return ReportSettings(
            split=self.split,
            others=self.others,
            heads=self.evaluated,
            interpolated=self.interpolated,
            budgets=self.config.evaluation.rates,
            rated=self.rated,
            drawn=self.drawn,
            solids=self.solids,
            reconstructed=self.reconstructed,
            runs={run: self.runs[run] for run in self.runs},
            oracles={arm: self.oracle(arm) for arm in self.arms},
            config=self.config.model_dump(mode="json", exclude={"hardware"}),
        )

    def paper(self) -> PaperSettings:
        """Settings of the paper, which is of all studies."""
        return PaperSettings()


def spec_param(settings: Settings) -> str:
    """The `spec` parameter of a rule."""
    return "spec:" + canonical_json(settings.model_dump(mode="json"))


def code_param(stage: str, chosen: Iterable[str] = ()) -> str:
    """The `code` parameter of a rule, whose settings choose some modules."""
    return "code:" + code_digest(f"hexplane.stages.{stage}", tuple(chosen))
