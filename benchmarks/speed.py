"""Ours against the bare library call, in turn, in one process: ratios survive a noisy machine."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import igl
import numpy as np
import trimesh
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from benchmarks.table import Figure
from hexplane.geometry import frame
from hexplane.geometry.distance import signed_distance
from hexplane.plumbing.paths import DEFAULT
from hexplane.rendering.embree import EmbreeRenderer
from hexplane.settings.distances import DistancesSettings
from hexplane.stages import normalise
from hexplane.stages.distances import sample_points

ROUNDS = 7


def ratio(
    ours: Callable[[], object],
    bare: Callable[[], object],
    rounds: int = ROUNDS,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, str]:
    """Median of the rounds' ratios ours / bare, and a note with the times."""
    ours(), bare()  # warm caches, not counted
    pairs = [(timed(ours, clock), timed(bare, clock)) for _ in range(rounds)]
    ratios = [mine / theirs for mine, theirs in pairs]
    mine, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
    note = f"{mine:.3f} s against {theirs:.3f} s; {min(ratios):.2f} to {max(ratios):.2f}"
    return statistics.median(ratios), note


def timed(call: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds that a call takes."""
    started = clock()
    call()
    return clock() - started


def shape() -> trimesh.Trimesh:
    """A lumpy solid of 81,920 faces that fills the canonical cube as a head does."""
    sphere = trimesh.creation.icosphere(subdivisions=6)
    lumps = 1 + 0.05 * np.sin(7 * sphere.vertices).sum(axis=1, keepdims=True)
    vertices = sphere.vertices * lumps * [0.7, 1.0, 0.85]
    vertices = frame.apply_transform(frame.canonical_transform(vertices, "y"), vertices)
    return trimesh.Trimesh(vertices, sphere.faces, process=False)


def rendering() -> list[Figure]:
    """Six views of 512 x 512 against building the scene and casting all their rays."""
    solid = shape()
    vertices, faces = solid.vertices.astype(np.float32), solid.faces.astype(np.int32)
    vertices, faces = np.array(vertices), np.array(faces)
    near = frame.unproject(np.zeros((6, 512, 512))).astype(np.float32).reshape(6, -1, 3)
    rays = [np.tile(-toward.astype(np.float32), (512 * 512, 1)) for toward in frame.TOWARD]

    def bare() -> None:
        scene = EmbreeScene()
        TriangleMesh(scene, vertices, faces)
        for origins, directions in zip(near, rays, strict=True):
            scene.run(origins, directions, output=1)

    def ours() -> None:
        # A fresh mesh: nothing that trimesh caches may be had for nothing.
        EmbreeRenderer().render(trimesh.Trimesh(vertices, faces, process=False), 512)

    value, note = ratio(ours, bare)
    return [Figure("render 6 x 512^2 / bare Embree cast", value, 1.3, note=note)]


def sampling() -> list[Figure]:
    """Points and signed distances against libigl's call alone on the same points."""
    solid = shape()
    settings = DistancesSettings(near=60_000, uniform=20_000)
    points = sample_points(solid, settings).astype(np.float64)
    arrays = np.array(solid.vertices), np.array(solid.faces)
    kind = igl.SIGNED_DISTANCE_TYPE_FAST_WINDING_NUMBER

    value, note = ratio(
        lambda: signed_distance(sample_points(solid, settings), solid),
        lambda: igl.signed_distance(points, *arrays, kind),
    )
    return [Figure("SDF sampling / bare libigl", value, 1.2, note=note)]


def normalising() -> list[Figure]:
    """A scan of a million faces, open at its neck, through the stage: against loading and checks.

    In CPU seconds, with all that the stage does but its code digest, which its server keeps.
    """
    scan = shape().subdivide().subdivide()  # 1,310,720 faces
    low = scan.vertices[:, 1].min()
    kept = (scan.triangles[..., 1] > low + 0.15).all(axis=1)
    scan = trimesh.Trimesh(scan.vertices, scan.faces[kept], process=False)
    scan.remove_unreferenced_vertices()

    def bare(file: Path) -> None:
        mesh = trimesh.load_mesh(file)
        _ = mesh.is_watertight, mesh.is_winding_consistent, mesh.body_count, mesh.volume

    with tempfile.TemporaryDirectory() as folder:
        file, output = Path(folder, "scan.ply"), Path(folder, "normalised.ply")
        scan.export(file)
        value, note = ratio(
            lambda: normalise.run(file, output), lambda: bare(file), clock=time.process_time
        )
    name = "normalising 1 M faces / bare load and check"
    return [Figure(name, value, 1.5, note=f"{len(scan.faces):,} faces, CPU: {note}")]


def training() -> list[Figure]:
    """The training loop against a bare loop over the same network, batch and optimiser."""
    import torch
    from torch import nn

    from hexplane.model.codecs import build_codec
    from hexplane.model.optimiser import build_optimiser
    from hexplane.plumbing.progress import Progress
    from hexplane.settings.train import TrainingSettings, TrainSettings
    from hexplane.training.data import make_heads
    from hexplane.training.devices import launch
    from hexplane.training.loop import train

    torch.set_num_threads(1)
    steps = 30
    settings = TrainSettings(training=TrainingSettings(steps=steps))
    points = np.random.default_rng(0).uniform(-1, 1, (60_000, 3)).astype(np.float32)
    samples = [(points, np.linalg.norm(points, axis=1).astype(np.float32))]
    heads = make_heads([EmbreeRenderer().render(shape(), 128)], samples, "depth_normal")

    def ours() -> None:
        with tempfile.TemporaryDirectory() as folder:
            quiet = Progress("bench", steps, quiet=True)
            train(settings, heads, None, Path(folder), quiet, launch(1))

    def bare() -> None:
        codec = build_codec(settings, 128)
        optimiser = build_optimiser(codec, 1e-3)
        for _ in range(steps):
            batch = heads.batch(torch.tensor([0]), torch.randint(60_000, (2048,)))
            optimiser.zero_grad()
            torch.stack(list(codec.loss_terms(batch, distances=True).values())).sum().backward()
            nn.utils.clip_grad_norm_(codec.parameters(), 1.0)
            optimiser.step()

    value, note = ratio(ours, bare)
    return [Figure("training / bare loop", value, 1.15, note=f"{steps} steps: {note}")]


def start_up() -> list[Figure]:
    """Importing a mesh-only stage in a fresh interpreter, against the libraries alone."""

    def importing(what: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", f"import {what}"], check=True)

    stages = "hexplane.cli, hexplane.plumbing.parse, hexplane.stages.render"
    value, note = ratio(importing(stages), importing("numpy, trimesh, zarr"))
    seconds = float(note.split(" s")[0])
    return [
        Figure("start-up of a mesh-only stage, s", seconds, 1.0, note=note),
        Figure("start-up / numpy, trimesh and zarr alone", value, None),
    ]


def dry_run() -> list[Figure]:
    """`snakemake -n` on what is in this folder."""
    if not Path(DEFAULT.page).is_file():
        return [Figure("snakemake -n, finished run, s", None, 5.0, note="run `make` first")]
    command = [sys.executable, "-m", "snakemake", "-n", "--cores", "2"]

    def run() -> None:
        subprocess.run(command, check=True, capture_output=True)

    seconds = statistics.median(timed(run) for _ in range(3))
    return [Figure("snakemake -n, finished run, s", seconds, 5.0)]


MEASURES = (rendering, sampling, normalising, training, start_up, dry_run)
