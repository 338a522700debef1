"""An epoch of the reference systems with the hexplane kept, against rendering it anew."""

import statistics
import tempfile
from pathlib import Path

import numpy as np
import trimesh
import yaml
from snakemake.utils import update_config

from benchmarks.speed import ratio, shape, timed
from benchmarks.table import Figure
from hexplane.config import parse_config
from hexplane.plan import Plan
from hexplane.plumbing.progress import Progress
from hexplane.rendering.select import select_backend
from hexplane.training.data import Heads, make_heads
from hexplane.training.devices import launch
from hexplane.training.loop import train

ROUNDS = 2
"""An epoch of 38 M parameters takes most of a minute on a CPU."""

SOURCE = "render, stack, move 6 x 512^2; the source reported about 60 s"


def epochs() -> list[Figure]:
    """One head at R = 512: a step, and what it takes to have the head on the device.

    What a kept hexplane saves does not depend on the device that trains; its share does.
    """
    plan = _paper()
    settings = plan.train("ae-depth-normal")
    settings = settings.model_copy(
        update={"training": settings.training.model_copy(update={"steps": 1})}
    )
    solid, resolution = shape(), plan.config.render.resolution
    fabric = launch(1)
    device = fabric.device
    renderer = select_backend("auto")
    points = np.random.default_rng(0).uniform(-1, 1, (60_000, 3)).astype(np.float32)
    samples = [(points, np.linalg.norm(points, axis=1).astype(np.float32))]

    def anew() -> Heads:
        # A fresh mesh: nothing that trimesh caches may be had for nothing.
        mesh = trimesh.Trimesh(solid.vertices, solid.faces, process=False)
        return make_heads([renderer.render(mesh, resolution)], samples, "depth_normal").to(device)

    kept = anew()

    def epoch(heads: Heads) -> None:
        with tempfile.TemporaryDirectory() as folder:
            train(settings, heads, None, Path(folder), Progress("bench", 1, quiet=True), fabric)

    seconds = statistics.median(timed(anew) for _ in range(5))
    value, note = ratio(lambda: epoch(anew()), lambda: epoch(kept), ROUNDS)
    return [
        Figure("paper epoch, rendered anew / kept", value, None, note=f"{device.type}: {note}"),
        Figure("seconds that a kept hexplane saves an epoch", seconds, None, note=SOURCE),
    ]


def _paper() -> Plan:
    values = yaml.safe_load(Path("config.yaml").read_text(encoding="utf-8"))
    preset = Path("workflow/presets/paper.yaml").read_text(encoding="utf-8")
    update_config(values, yaml.safe_load(preset))
    return Plan(parse_config(values), Path())
