"""Training from disk: memory against the number of heads, and time against heads kept in memory."""

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.speed import shape
from benchmarks.table import Figure
from hexplane.plan import spec_param
from hexplane.rendering.embree import EmbreeRenderer
from hexplane.settings.train import TrainingSettings, TrainSettings
from hexplane.store import write_hexplane, write_samples

RESOLUTION = 128
SAMPLES = 80_000
STEPS = 40
FEW, MANY = 10, 1000
ROUNDS = 3

PROGRAM = """
import resource, sys, time
from pathlib import Path
from hexplane.plumbing.parse import parse_spec
from hexplane.settings.train import TrainSettings
from hexplane.training.data import open_heads
from hexplane.training.devices import launch
from hexplane.training.loop import train
from hexplane.plumbing.progress import Progress
folder, count, budget, spec = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
spec, fabric = parse_spec(TrainSettings, spec), launch(1)
stores = [folder / f"hexplanes/{i}.zarr" for i in range(count)]
heads = open_heads(stores, folder / "sdf", spec.features, fabric.device, budget)
started = time.perf_counter()
train(spec, heads, None, folder / f"state-{time.time_ns()}", Progress("-", 1, quiet=True), fabric)
print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def streaming() -> list[Figure]:
    """The default network on 10 and on 1,000 heads that stay on disk, and on 10 in memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _copies(folder)
        rounds = [
            [_trained(folder, *case) for case in ((FEW, 0), (MANY, 0), (FEW, 1e12))]
            for _ in range(ROUNDS)
        ]
    seconds, megabytes = np.median(np.array(rounds), axis=0).T
    times = statistics.median(few[0] / kept[0] for few, _, kept in rounds)
    return [
        Figure(
            f"training from disk, peak memory of {MANY} heads / {FEW}",
            megabytes[1] / megabytes[0],
            1.1,
            note=f"{megabytes[1]:.0f} MB against {megabytes[0]:.0f} MB; R = {RESOLUTION}",
        ),
        Figure(
            "training from disk / heads kept",
            times,
            None,
            note=f"{STEPS} steps: {seconds[0]:.2f} s against {seconds[2]:.2f} s, one core",
        ),
    ]


def _copies(folder: Path) -> None:
    """One rendered and sampled solid under as many names."""
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (SAMPLES, 3)).astype(np.float32)
    write_hexplane(folder / "one.zarr", EmbreeRenderer().render(shape(), RESOLUTION))
    distance = np.linalg.norm(points, axis=1).astype(np.float32)
    write_samples(folder / "samples.zarr", points, distance)
    for part, store in (("hexplanes", "one.zarr"), ("sdf", "samples.zarr")):
        (folder / part).mkdir()
        for i in range(MANY):
            (folder / part / f"{i}.zarr").symlink_to(folder / store)


def _trained(folder: Path, count: int, budget: float) -> tuple[float, float]:
    """Seconds of the steps and peak memory in MB of a training in a process of its own."""
    spec = spec_param(TrainSettings(training=TrainingSettings(steps=STEPS)))
    command = [sys.executable, "-c", PROGRAM, str(folder), str(count), str(budget), spec]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, megabytes = map(float, done.stdout.split())
    return seconds, megabytes
