"""A copy of the project in a folder of its own, with a tiny configuration, run by Snakemake."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
import yaml

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "workflow", "profiles", "src", "envs", "config.yaml")

TINY: dict[str, Any] = {
    "meshes": {"files": ["scans/*"], "generate": 0},
    "split": {"validation": ["b"], "test": ["c"]},
    "render": {"resolution": 32},
    "distances": {"near": 300, "uniform": 100},
    "model": {
        "widths": [8],
        "encoder_blocks": 0,
        "decoder_blocks": 1,
        "latent_channels": 2,
        "latent_resolution": 16,
        "field_channels": 4,
        "field_width": 8,
    },
    "training": {"steps": 8, "sdf_points": 64, "log_every": 4},
    "extraction": {"resolution": 32},
    "evaluation": {"samples": 500},
}
TINY_ARMS = {
    "ae-depth-normal": {"features": "depth_normal", "bottleneck": {"kind": "deterministic"}},
    "vae-occupancy": {
        "features": "occupancy",
        "likelihood": "mse",
        "bottleneck": {"kind": "gaussian"},
    },
}


def bump(seed: int) -> trimesh.Trimesh:
    """A smooth closed shape without symmetry, another one for each seed."""
    sphere = trimesh.creation.icosphere(subdivisions=3)
    rng = np.random.default_rng(seed)
    swell = 1 + 0.15 * np.sin(sphere.vertices @ rng.normal(size=(3, 4))).sum(axis=1, keepdims=True)
    sphere.vertices = sphere.vertices * swell * [0.7, 1.0, 0.8]
    return sphere


class Project:
    """The real Snakefile over a few small meshes; `results` is the folder of the default study."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "results/default"
        self.environment: dict[str, str] = {}
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
                shutil.copytree(source, folder / part, ignore=ignored)
            else:
                shutil.copy(source, folder / part)
        (folder / "scans").mkdir()
        for seed, name in enumerate(("a.ply", "b.obj", "c.stl")):
            self.add_mesh(name, seed)
        self.configure({})

    def remove_results(self) -> None:
        """Forget all that any run made."""
        for folder in ("results", ".snakemake"):
            shutil.rmtree(self.folder / folder)

    def add_mesh(self, name: str, seed: int) -> None:
        bump(seed).export(self.folder / "scans" / name)

    def configure(self, changes: dict[str, Any]) -> None:
        """Write config.yaml: the tiny one with some keys, or some groups' keys, changed."""
        values = {**TINY, "arms": TINY_ARMS}
        for key, value in changes.items():
            group = isinstance(value, dict)
            values[key] = {**values.get(key, {}), **value} if group else value
        (self.folder / "config.yaml").write_text(yaml.safe_dump(values))

    def remove_messages(self) -> None:
        """Snakemake prints a job's message in the place of its resources."""
        for rules in (self.folder / "workflow/rules").glob("*.smk"):
            text = re.sub(r"^ +message:\n.+\n", "", rules.read_text(), flags=re.MULTILINE)
            rules.write_text(text)

    @contextmanager
    def edited(self, *edits: tuple[str, str, str]) -> Iterator[None]:
        """Texts, each of which its file has once, with another in their place; then taken back."""
        before: dict[Path, str] = {}
        try:
            for name, old, new in edits:
                path = self.folder / name
                text = path.read_text(encoding="utf-8")
                assert text.count(old) == 1, (name, old)
                before.setdefault(path, text)
                path.write_text(text.replace(old, new), encoding="utf-8")
            yield
        finally:
            for path, text in before.items():
                path.write_text(text, encoding="utf-8")

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a Python module of the tests' interpreter in the project's folder."""
        environment = {
            **{key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
            "OMP_NUM_THREADS": "1",
            **self.environment,
        }
        if arguments[0] == "hexplane":
            environment["PYTHONPATH"] = str(self.folder / "src")
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.command("snakemake", *arguments)

    def build(self) -> str:
        """Run the whole workflow and return what it printed."""
        done = self.snakemake("--cores", "2")
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout + done.stderr

    def planned(self, *arguments: str) -> set[str]:
        """Messages of the jobs that a run would start now."""
        done = self.snakemake("--cores", "2", "--dry-run", *arguments)
        assert done.returncode == 0, done.stderr[-4000:]
        jobs = re.findall(r"^Job \d+: (.+)$", done.stdout + done.stderr, flags=re.MULTILINE)
        return set(jobs)
