"""What a study left behind, read and typed: every file that analysis and report need."""

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import trimesh
from numpy.typing import NDArray

from hexplane.geometry.hexplane import Hexplane
from hexplane.geometry.meshes import read_mesh
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import read_json
from hexplane.plumbing.manifests import manifest_path, read_manifest
from hexplane.plumbing.paths import WEIGHTS, Layout
from hexplane.settings.draw import draw_name
from hexplane.settings.rates import DRACO, MEAN, PARAMETERS
from hexplane.settings.report import ReportSettings
from hexplane.store import read_decoded, read_hexplane

T = TypeVar("T")
MOST_KEPT = 256
"""Files that a report looks at twice and that are kept meanwhile: those read last."""
Picture = NDArray[np.float32]
Columns = dict[str, list[float | None]]


@dataclass(frozen=True)
class Score:
    """The metrics of one reconstruction.

    Attributes:
        method: an arm, or an oracle.
        oracle: what the arm is judged against; empty for an oracle.
        mesh: the head.
        split: train, validation or test; of a head of another family the family.
        metrics: as evaluated; None stands for an infinite distance.
    """

    method: str
    oracle: str
    mesh: str
    split: str
    metrics: dict[str, Any]


@dataclass(frozen=True)
class RatePoint:
    """What a method makes of a head in a file of at most so many bytes.

    Attributes:
        method: an arm or a rival.
        mesh: the head.
        split: as of a score.
        budget: the most bytes.
        bytes: of the file.
        encode_seconds, decode_seconds: None of what is not encoded.
        metrics: as measured; None stands for an infinite distance.
    """

    method: str
    mesh: str
    split: str
    budget: int
    bytes: int
    encode_seconds: float | None
    decode_seconds: float | None
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
    """A study's folder as its report sees it.

    Every method raises `UserError` when its file is missing or cannot be read.

    Attributes:
        root: the folder.
        settings: which arm is judged by which oracle on which heads.
    """

    root: Path
    settings: ReportSettings

    @cached_property
    def paths(self) -> Layout:
        """Where its files lie."""
        return Layout(self.root)

    @cached_property
    def _read(self) -> dict[Path, Any]:
        return {}

    def _once(self, path: Path, read: Callable[[Path], T]) -> T:
        """What is in a file that several parts of a report look at, read once."""
        if path not in self._read:
            if len(self._read) >= MOST_KEPT:
                del self._read[next(iter(self._read))]
            self._read[path] = read(path)
        found: T = self._read[path]
        return found

    @cached_property
    def arms(self) -> list[str]:
        """Names of the arms, in the order of the configuration."""
        return list(self.settings.oracles)

    @cached_property
    def oracles(self) -> list[str]:
        """Names of the oracles, each once."""
        return list(dict.fromkeys(self.settings.oracles.values()))

    @cached_property
    def heads(self) -> dict[str, str]:
        """Split, or other family, of each head that all arms were taken through.

        Training heads come first, other families last.
        """
        return {
            name: group
            for group, names in self.settings.groups.items()
            for name in names
            if name in self.settings.heads
        }

    @cached_property
    def scores(self) -> list[Score]:
        """Metrics of every arm and oracle on every head."""
        return [
            Score(name, self.settings.oracles.get(name, ""), mesh, split, self.metrics(name, mesh))
            for name in (*self.arms, *self.oracles)
            for mesh, split in self.heads.items()
        ]

    def score(self, name: str, mesh: str) -> dict[str, Any]:
        """Metrics of one arm or oracle on one head."""
        return self._by_name[name, mesh]

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {(score.method, score.mesh): score.metrics for score in self.scores}

    def metrics_path(self, name: str, mesh: str) -> Path:
        """Where the metrics of an arm or oracle on one head lie."""
        return Path(self.paths.metrics.format(method=name, mesh=mesh))

    def metrics(self, name: str, mesh: str) -> dict[str, Any]:
        """Metrics of one arm or oracle on any head that it was measured on."""
        path = self.metrics_path(name, mesh)
        metrics = read_mapping(path).get("metrics")
        if not isinstance(metrics, dict):
            raise UserError(f"{path}: no metrics in it")
        return metrics

    @cached_property
    def rated(self) -> dict[str, list[str]]:
        """What was measured over file sizes, arms and rivals, and on which heads; or nothing."""
        return self.settings.rated

    def rate_path(self, method: str, mesh: str) -> Path:
        """Where a method's points over file sizes of one head lie."""
        return Path(self.paths.rate.format(method=method, mesh=mesh))

    @cached_property
    def rate_points(self) -> dict[tuple[str, str], list[RatePoint]]:
        """Points by method and head, from the smallest file to the largest; maybe none."""
        return {
            (method, mesh): self._rate_points(method, mesh, self.heads[mesh])
            for method, heads in self.rated.items()
            for mesh in heads
        }

    def _rate_points(self, method: str, mesh: str, split: str) -> list[RatePoint]:
        path = self.rate_path(method, mesh)
        found = read_manifest(path)
        whole = {"budget": 0, "bytes": 0, "encode_seconds": None, "decode_seconds": None}
        points = [whole | {"metrics": found.get("metrics")}]  # of the mean head, and no file
        if method != MEAN:
            points = found.get("points", [])
        try:
            return [RatePoint(method, mesh, split, **own) for own in points]
        except TypeError:
            raise UserError(f"{path}: no points over file sizes in it") from None

    def rate_mesh(self, method: str, mesh: str, budget: int) -> trimesh.Trimesh | None:
        """The mesh in the best file of at most so many bytes; None where it has no faces."""
        path = Path(self.paths.rate_mesh.format(method=method, mesh=mesh, budget=budget))
        found = read_mesh(path)
        return found if len(found.faces) else None

    def classical_path(self, source: str, mesh: str) -> Path:
        """Where the measures of classical methods on some views of one head lie."""
        return Path(self.paths.classical.format(method=source, mesh=mesh))

    @cached_property
    def classical(self) -> dict[tuple[str, str], dict[str, dict[str, Any]]]:
        """Measures by method, by the source of the views and head; or none."""
        found = {}
        for source, heads in self.settings.reconstructed.items():
            for mesh in heads:
                path = self.classical_path(source, mesh)
                methods = read_manifest(path).get("methods")
                if not isinstance(methods, dict):
                    raise UserError(f"{path}: no methods in it")
                found[source, mesh] = methods
        return found

    def draws(self, arm: str) -> dict[str, Any]:
        """What is known of the heads that an arm drew."""
        return read_manifest(Path(self.paths.draw_manifest.format(arm=arm)))

    def draw_mesh(self, arm: str, number: int) -> trimesh.Trimesh | None:
        """One of them; None where it has no faces."""
        found = read_mesh(Path(self.paths.draw.format(arm=arm, draw=draw_name(number))))
        return found if len(found.faces) else None

    def novelty_path(self, arm: str) -> Path:
        """Where the comparison of these heads with real ones lies."""
        return Path(self.paths.novelty.format(arm=arm))

    def novelty(self, arm: str) -> dict[str, Any]:
        """How these heads compare with real ones."""
        return read_manifest(self.novelty_path(arm))

    def decoder_bytes(self, method: str) -> int | None:
        """What a reader needs besides the file: weights, or the mean head; None of a library."""
        if method == DRACO:
            return None
        if method == PARAMETERS:
            path = self.rate_path(method, self.rated[method][0])
            found = read_manifest(path).get("decoder_bytes")
            if type(found) is not int:
                raise UserError(f"{path}: no bytes of a decoder in it")
            return found
        folder = Path(self.paths.model.format(run=method))
        path = Path(self.paths.mean) if method == MEAN else folder / WEIGHTS
        if not path.is_file():
            raise UserError(f"{path}: no such file")
        return path.stat().st_size

    def fit_seconds(self, method: str) -> float | None:
        """What the decoder took to make, by its model or manifest; None of a library."""
        if method in (DRACO, PARAMETERS):
            return None
        if method == MEAN:
            return float(read_manifest(Path(self.paths.mean_manifest))["seconds"])
        found = self.model(method)
        trained = float(found.get("seconds") or 0)
        # What is fitted in closed form has the one time under both names.
        return trained + (float(found.get("seconds_fitting") or 0) if found.get("steps") else 0)

    def history_path(self, run: str) -> Path:
        """Where a run's training history lies; an arm's name stands for its first run."""
        return Path(self.paths.history.format(run=run))

    def history(self, run: str) -> Columns:
        """Columns of a run's training history; None where empty or not finite."""
        path = self.history_path(run)
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
        return Path(self.paths.diagnostics.format(run=run))

    def diagnostics(self, run: str) -> dict[str, Any]:
        """What a run was diagnosed with."""
        return self._once(self.diagnostics_path(run), read_manifest)

    def model(self, arm: str) -> dict[str, Any]:
        """An arm's config.json."""
        return read_mapping(Path(self.paths.model_config.format(run=arm)))

    def hexplane(self, mesh: str) -> Hexplane:
        """The views a network was given."""
        return read_hexplane(Path(self.paths.hexplane.format(mesh=mesh)))

    def decoded(self, arm: str, mesh: str) -> dict[str, Picture]:
        """What the arm decodes of coverage [6, R, R] in [0, 1], depth [6, R, R] and normal
        [6, 3, R, R]."""
        return read_decoded(Path(self.paths.decoded.format(arm=arm, mesh=mesh)))

    def original(self, mesh: str) -> trimesh.Trimesh:
        """The normalised mesh."""
        return self._once(Path(self.paths.mesh.format(mesh=mesh)), read_mesh)

    def reconstruction(self, name: str, mesh: str) -> Reconstruction:
        """What an arm or oracle made of a head."""
        path = Path(self.paths.reconstruction.format(method=name, mesh=mesh))
        facts = read_manifest(manifest_path(path))
        solid = None if facts.get("empty") else self._once(path, read_mesh)
        if solid is not None and len(solid.faces) == 0:
            solid = None
        return Reconstruction(solid, *_range(facts, manifest_path(path)))

    def interpolation(self, arm: str) -> list[Reconstruction]:
        """What an arm makes of latents between two heads, from the first one to the second."""
        manifest = Path(self.paths.interpolation_manifest.format(arm=arm))
        steps = read_manifest(manifest).get("steps")
        if not isinstance(steps, list):
            raise UserError(f"{manifest}: no steps in it")
        found = []
        for step, facts in enumerate(steps):
            known = _range(facts, manifest)
            path = Path(self.paths.interpolation.format(arm=arm, step=step))
            found.append(Reconstruction(None if facts.get("empty") else read_mesh(path), *known))
        return found

    @cached_property
    def manifests(self) -> list[dict[str, Any]]:
        """Every manifest of the run that is there, in the order of the workflow."""
        names: dict[str, list[str]] = {
            "mesh": [mesh for names in self.settings.groups.values() for mesh in names],
            "run": list(self.settings.runs),
            "arm": self.arms,
        }
        # Diagnostics compare with the oracles of more heads than the arms were taken through.
        taken = [(arm, mesh) for arm in self.arms for mesh in self.heads]
        methods = [*taken, *((oracle, mesh) for oracle in self.oracles for mesh in names["mesh"])]
        of_methods = (self.rated, self.settings.reconstructed)
        methods += [(name, mesh) for own in of_methods for name in own for mesh in own[name]]
        found: list[Path] = []
        for pattern in self.paths.manifests:
            if "{method}" in pattern:
                found += [Path(pattern.format(method=name, mesh=mesh)) for name, mesh in methods]
            elif "{arm}" in pattern and "{mesh}" in pattern:
                found += [Path(pattern.format(arm=arm, mesh=mesh)) for arm, mesh in taken]
            elif pattern != self.paths.page_manifest:
                keys = [key for key in names if f"{{{key}}}" in pattern]
                found += [
                    Path(pattern.format(**{key: name})) for key in keys for name in names[key]
                ]
                found += [] if keys else [Path(pattern)]
        return [read_manifest(path) for path in found if path.is_file()]


def read_mapping(path: Path) -> dict[str, Any]:
    """A JSON file's mapping.

    Raises:
        UserError: the file is missing or is no JSON mapping.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        raise UserError(f"{path}: not a JSON mapping")
    return value


def _range(facts: Any, where: Path) -> tuple[float | None, float | None, float]:
    """Least and greatest value of a field, where finite, and the level that its mesh is taken at.

    Raises:
        UserError: a manifest does not say them as numbers.
    """
    names = ("field_min", "field_max", "level")
    values = [facts.get(name) for name in names] if isinstance(facts, dict) else ["none"]
    if any(value is not None and type(value) not in (int, float) for value in values):
        raise UserError(f"{where}: not the range of a field ({', '.join(names)} are numbers)")
    low, high, level = (None if value is None else float(value) for value in values)
    return low, high, 0.5 if level is None else level


def _number(text: str | None) -> float | None:
    value = float(text) if text else math.nan
    return value if math.isfinite(value) else None
