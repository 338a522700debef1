"""What the report reads: every file of `results/` that it needs, by arm and head."""

import csv
import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from hexplane.errors import UserError
from hexplane.hexplane import Hexplane
from hexplane.meshes import read_normalised
from hexplane.provenance import read_manifest
from hexplane.specs.report import ReportSpec
from hexplane.store import read_hexplane, read_store

Images = NDArray[np.float32]
Columns = dict[str, list[float | None]]

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Score:
    """The metrics of one reconstruction.

    Attributes:
        experiment: an arm, or an oracle.
        oracle: what the arm is judged against; empty for an oracle.
        mesh: the head.
        split: train, validation or test.
        metrics: as evaluated; None stands for an infinite distance.
    """

    experiment: str
    oracle: str
    mesh: str
    split: str
    metrics: dict[str, Any]


@dataclass(frozen=True)
class Reconstruction:
    """A mesh taken out of a field at a level; `mesh` is None when there is no surface."""

    mesh: trimesh.Trimesh | None
    field_min: float | None
    field_max: float | None
    level: float


@dataclass(frozen=True)
class Results:
    """The folder `results/` as one report sees it.

    Every method raises `UserError` when its file is missing or cannot be read.
    """

    root: Path
    spec: ReportSpec

    @cached_property
    def experiments(self) -> list[str]:
        """Names of the arms, in the order of the configuration."""
        return list(self.spec.oracles)

    @cached_property
    def oracles(self) -> list[str]:
        """Names of the oracles, each once."""
        return list(dict.fromkeys(self.spec.oracles.values()))

    @cached_property
    def heads(self) -> dict[str, str]:
        """Split of each head that all arms were taken through: training heads first."""
        return {
            name: part
            for part in SPLITS
            for name in self.spec.split.get(part, [])
            if name in self.spec.heads
        }

    @cached_property
    def scores(self) -> list[Score]:
        """Metrics of every arm and oracle on every head."""
        return [
            Score(name, self.spec.oracles.get(name, ""), mesh, split, self.metrics(name, mesh))
            for name in (*self.experiments, *self.oracles)
            for mesh, split in self.heads.items()
        ]

    def score(self, name: str, mesh: str) -> dict[str, Any]:
        """Metrics of one arm or oracle on one head."""
        return self._by_name[name, mesh]

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {(score.experiment, score.mesh): score.metrics for score in self.scores}

    def metrics_path(self, name: str, mesh: str) -> Path:
        """Where the metrics of an arm or oracle on one head lie."""
        return self.root / "metrics" / name / f"{mesh}.json"

    def metrics(self, name: str, mesh: str) -> dict[str, Any]:
        """Metrics of one arm or oracle on any head that it was measured on."""
        path = self.metrics_path(name, mesh)
        metrics = read_json(path).get("metrics")
        if not isinstance(metrics, dict):
            raise UserError(f"{path}: no metrics in it")
        return metrics

    def history_path(self, experiment: str) -> Path:
        """Where an arm's training history lies."""
        return self.root / "models" / experiment / "history.csv"

    def history(self, experiment: str) -> Columns:
        """Columns of an arm's training history; None where empty or not finite."""
        path = self.history_path(experiment)
        try:
            with path.open(encoding="utf-8", newline="") as stream:
                rows = list(csv.DictReader(stream))
        except FileNotFoundError:
            raise UserError(f"{path}: no such file") from None
        if not rows or "step" not in rows[0]:
            raise UserError(f"{path}: no rows with a step in it")
        try:
            return {name: [_number(row[name]) for row in rows] for name in rows[0]}
        except (TypeError, ValueError) as error:
            raise UserError(f"{path}: not a table of numbers ({error})") from None

    def diagnostics_path(self, run: str) -> Path:
        """Where a run's diagnostics lie."""
        return self.root / "diagnostics" / f"{run}.json"

    def diagnostics(self, run: str) -> dict[str, Any]:
        """What a run was diagnosed with."""
        return read_manifest(self.diagnostics_path(run))

    def model(self, experiment: str) -> dict[str, Any]:
        """An arm's config.json."""
        return read_json(self.root / "models" / experiment / "config.json")

    def hexplane(self, mesh: str) -> Hexplane:
        """The views a network was given."""
        return read_hexplane(self.root / "hexplanes" / f"{mesh}.zarr")

    def decoded(self, experiment: str, mesh: str) -> dict[str, Images]:
        """Decoded coverage [6, R, R] in [0, 1]; depth [6, R, R] and normal [6, 3, R, R] where the
        arm decodes them."""
        store = self.root / "reconstructions" / experiment / f"{mesh}.zarr"
        names = [name for name in ("depth", "normal") if (store / name).is_dir()]
        return dict(zip(names + ["coverage"], read_store(store, *names, "coverage"), strict=True))

    def original(self, mesh: str) -> trimesh.Trimesh:
        """The normalised mesh."""
        return read_normalised(self.root / "meshes" / f"{mesh}.ply")

    def reconstruction(self, name: str, mesh: str) -> Reconstruction:
        """What an arm or oracle made of a head."""
        path = self.root / "reconstructions" / name / f"{mesh}.ply"
        facts = read_manifest(path.with_suffix(".json"))
        solid = None if facts.get("empty") else read_normalised(path)
        if solid is not None and len(solid.faces) == 0:
            solid = None
        level = float(facts.get("level", 0.5))
        return Reconstruction(solid, facts.get("field_min"), facts.get("field_max"), level)

    def interpolation(self, experiment: str) -> list[Reconstruction]:
        """What an arm makes of latents between two heads, from the first one to the second."""
        folder = self.root / "interpolations" / experiment
        steps = read_manifest(folder / "manifest.json")["steps"]
        return [
            Reconstruction(
                None if facts["empty"] else read_normalised(folder / f"{step}.ply"),
                facts["field_min"],
                facts["field_max"],
                float(facts["level"]),
            )
            for step, facts in enumerate(steps)
        ]

    @cached_property
    def manifests(self) -> list[dict[str, Any]]:
        """Every manifest of the run that is there, in the order of the workflow."""
        everywhere = [mesh for part in SPLITS for mesh in self.spec.split.get(part, [])]
        paths = [
            self.root / pattern.format(mesh=mesh)
            for pattern in (
                "heads/{mesh}.json",
                "meshes/{mesh}.json",
                "hexplanes/{mesh}.manifest.json",
                "sdf/{mesh}.manifest.json",
            )
            for mesh in everywhere
        ]
        paths += [self.root / "models" / run / "manifest.json" for run in self.spec.runs]
        paths += [
            self.root / folder / arm / f"{mesh}{suffix}"
            for folder, suffix in (
                ("latents", ".manifest.json"),
                ("reconstructions", ".json"),
                ("metrics", ".json"),
            )
            # Diagnostics compare with the oracles of more heads than the arms were taken through.
            for arms, meshes in ((self.experiments, self.heads), (self.oracles, everywhere))
            for arm in arms
            for mesh in meshes
        ]
        paths += [
            self.root / "interpolations" / arm / "manifest.json"
            for arm in self.experiments
            if self.spec.interpolated
        ]
        paths += [self.diagnostics_path(run) for run in self.spec.runs]
        return [read_manifest(path) for path in paths if path.is_file()]


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file's mapping.

    Raises:
        UserError: the file is missing or is no JSON mapping.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, ValueError):
        raise UserError(f"{path}: not readable as JSON") from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: not a JSON mapping")
    return value


def _number(text: str | None) -> float | None:
    value = float(text) if text else math.nan
    return value if math.isfinite(value) else None
