"""Codecs that are fitted in closed form: no steps, no checkpoints, no signed-distance samples."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from hexplane.model.codecs import build_codec
from hexplane.plumbing.progress import Progress
from hexplane.settings.train import TrainSettings
from hexplane.store import read_hexplane
from hexplane.training.loop import Run


def fit(settings: TrainSettings, hexplanes: list[Path], resolution: int, progress: Progress) -> Run:
    """Fit a codec to heads, whose views are read and turned to fields side by side.

    Args:
        settings: the codec's.
        hexplanes: a store for each head.
        resolution: R, pixels along a view's side.
        progress: says how far it is.

    Raises:
        UserError: a store is missing or damaged.
    """
    started = time.perf_counter()
    codec = build_codec(settings, resolution)
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        fields = list(pool.map(lambda path: codec.field_of(read_hexplane(path)), hexplanes))
    progress.say(f"{len(fields)} fields after {time.perf_counter() - started:.0f} s")
    codec.fit(fields)
    seconds = time.perf_counter() - started
    return Run(codec, seconds=seconds, rows=[{"step": 0, "seconds": seconds}])
