"""Which results a study has, which it should have, and what each was made of."""

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hexplane.plumbing.digests import digest
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import read_json, sha256
from hexplane.plumbing.paths import COMMITTED, Layout, names_in

_PATHS = Layout(".")
_SOURCES = {
    **dict.fromkeys(("train", "validation", "hexplane"), _PATHS.hexplane),
    "sdf": _PATHS.distance,
    "latent": _PATHS.latent,
    "mesh": _PATHS.mesh,
    "source": _PATHS.head,
    "draw": _PATHS.draw,
    "model": f"{_PATHS.model}/model.safetensors",
    "reconstruction": _PATHS.reconstruction,
}
"""What the inputs of manifests are, by their keys; after a slash a key names the head or draw."""
_NAMED = [*_PATHS.manifests, _PATHS.history]
"""What verification finds fault with."""


@dataclass(frozen=True)
class Lineage:
    """The results of one study.

    Attributes:
        root: the study's folder.
        manifests: those that are as they were written, by their paths.
    """

    root: Path
    manifests: dict[Path, dict[str, Any]]

    @property
    def folder(self) -> Path:
        """Where the workflow was started, to which its paths are relative."""
        return Path(os.path.abspath(self.root)).parents[1]

    @cached_property
    def _plan(self) -> dict[str, Any]:
        try:
            plan: dict[str, Any] = read_json(self.root / _PATHS.planned)
        except UserError:
            return {}  # of an older version, or a folder without a workflow
        return plan

    @cached_property
    def planned(self) -> dict[Path, str | None]:
        """Manifests that the last run was to make, each with the digest of its settings."""
        specs: dict[str, str | None] = self._plan.get("results", {})
        return {self.root / Path(*Path(name).parts[2:]): spec for name, spec in specs.items()}

    def lost(self) -> list[Path]:
        """Manifests that are not there, though what they describe is, or though they are planned.

        What a run has not come to is not lost: the report is made last.
        """
        lost = []
        for pattern, manifest in _PATHS.described.items():
            for path in sorted(self.root.glob(re.sub(r"\{\w+\}", "*", pattern))):
                names = names_in(pattern, self._relative(path))
                lost += [] if names is None else [self.root / manifest.format(**names)]
        if any((self.root / made).exists() for made in (_PATHS.page, _PATHS.page_manifest)):
            lost += self.planned
        return [path for path in dict.fromkeys(lost) if not path.exists()]

    @property
    def config(self) -> Path:
        """The configuration of the last run."""
        return self.root / _PATHS.config

    def makes(self, path: Path) -> bool:
        """Whether the study, as it is planned, makes a file."""
        return set(self._names(path).values()) <= self._known

    @cached_property
    def _known(self) -> set[str]:
        """Names of all meshes, arms, runs and oracles that are planned."""
        return {name for path in self.planned for name in self._names(path).values()}

    def _names(self, path: Path) -> dict[str, str]:
        """The names in a result's or a manifest's path."""
        found = (names_in(pattern, self._relative(path)) for pattern in _NAMED)
        return next((names for names in found if names is not None), {})

    def target(self, path: Path) -> str:
        """A file as the workflow names it."""
        return Path(os.path.abspath(path)).relative_to(self.folder).as_posix()

    def staleness(self, path: Path) -> str:
        """Why a result is not what its study would make now; empty where it is."""
        manifest = self.manifests[path]
        if "digest" not in manifest:
            return "written by an older version"
        if self.planned.get(path) not in (None, digest(manifest["spec"])):
            return "made with other settings"
        for key, made_from in manifest["inputs"].items():
            source = self._source(path, key)
            now = source and self._digest_of(source)
            if now is not None and now != made_from:
                return f"made from another {source} than is there"
        return ""

    def _relative(self, path: Path) -> str:
        return f"./{path.relative_to(self.root).as_posix()}"

    def _source(self, path: Path, key: str) -> Path | None:
        """What an input of a manifest was; None where it is not known, as in a report's."""
        names = self._names(path)
        kind, _, head = key.rpartition("/") if "/" in key else (key, "", names.get("mesh", ""))
        if kind == "report":  # of a paper
            return Path(Layout(self.root.parent / head).page_manifest)
        if kind == "committed":
            return self.folder / COMMITTED / head
        if kind not in _SOURCES:
            return None
        if kind == "source" and head in self._plan.get("sources", {}):
            return self.folder / str(self._plan["sources"][head])
        if kind == "reconstruction" and names_in(_PATHS.rate, self._relative(path)):
            return self.root / _PATHS.mean  # one mesh for every head
        method = next((names[name] for name in ("method", "arm", "run") if name in names), "")
        own = dict.fromkeys(("method", "arm", "run"), method)
        return self.root / _SOURCES[kind].format(mesh=head, draw=head, **own)

    def _digest_of(self, source: Path) -> str | None:
        """Digest of what is there, as its manifest tells it; None where that cannot be said."""
        if not source.is_relative_to(self.root):
            return sha256(source) if source.is_file() else None
        for pattern, manifest in _PATHS.described.items():
            names = names_in(pattern, self._relative(source))
            if names is None or self.root / manifest.format(**names) not in self.manifests:
                continue
            about = self.manifests[self.root / manifest.format(**names)]
            if source.suffix == ".zarr":
                return str(about["content"])
            return str(about["files"].get(source.name))
        return None
