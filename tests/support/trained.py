"""Trainings as processes of their own, on small rendered shapes."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hexplane.geometry.meshes import normalise
from hexplane.plumbing.digests import canonical_json
from hexplane.plumbing.files import write_json
from hexplane.settings.distances import DistancesSettings
from hexplane.settings.render import RenderSettings
from hexplane.stages import distances, render
from support.project import ROOT, TINY, bump


def render_and_sample(folder: Path, names: str) -> Path:
    """A shape for each letter, rendered at R = 32 and sampled; the folder."""
    for seed, name in enumerate(names):
        mesh = folder / f"{name}.ply"
        normalise(bump(seed), "y")[0].export(mesh)
        render.run(mesh, folder / f"hexplanes/{name}.zarr", RenderSettings(resolution=32))
        distances.run(mesh, folder / f"sdf/{name}.zarr", DistancesSettings(near=300, uniform=100))
    return folder


def start_training(
    data: Path, output: str, names: str, spec: dict[str, Any], *options: str, watched: str = ""
) -> subprocess.Popen[str]:
    """`hexplane train` on some of the shapes; `training` has what differs from the tiny one."""
    training = TINY["training"] | spec.get("training", {})
    settings = {"model": TINY["model"], **spec, "training": training}
    split = data / f"{output}.split.json"
    write_json(split, {"train": list(names), "validation": list(watched)})
    folders = [f"--hexplanes={data / 'hexplanes'}", f"--sdf={data / 'sdf'}"]
    return subprocess.Popen(
        [sys.executable, "-m", "hexplane", "train", str(data / output), str(split), *folders]
        + [f"--spec={canonical_json(settings)}", *options],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
