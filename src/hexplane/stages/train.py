"""train: the codec of one run, from hexplanes and signed-distance samples."""

import time
from pathlib import Path

import torch
from safetensors.torch import save

from hexplane.plumbing.claims import claim
from hexplane.plumbing.digests import digest
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import write_bytes, write_json
from hexplane.plumbing.manifests import Job, content_digest
from hexplane.plumbing.paths import DEFAULT, STATE
from hexplane.plumbing.progress import Progress
from hexplane.plumbing.splits import read_split
from hexplane.settings.train import MOST_WATCHED, TrainSettings
from hexplane.store import read_hexplane
from hexplane.training.data import Heads, open_heads
from hexplane.training.devices import device_name, finish, launch
from hexplane.training.fitting import fit
from hexplane.training.history import write_csv, write_tensorboard
from hexplane.training.latents import fit_bottleneck
from hexplane.training.loop import train

WRITTEN = ("model.safetensors", "history.csv", "config.json", "tensorboard")
"""In the model's folder, beside the manifest."""


def run(
    output: Path,
    split: Path,
    settings: TrainSettings = TrainSettings(),
    code: str | None = None,
    *,
    heads: int | None = None,
    hexplanes: Path = Path(DEFAULT.hexplanes),
    sdf: Path = Path(DEFAULT.distances),
    state: Path = Path(STATE),
    devices: int = 1,
    cache_gb: float = 4.0,
    force: bool = False,
) -> None:
    """Train a codec; a killed run goes on from its checkpoint.

    A codec that is fitted in closed form reads hexplanes only, and takes no steps.

    Writes weights, configuration, history and a manifest into the folder `output`.

    Args:
        output: the model's folder.
        split: JSON file with the names of the heads to train on, `train`, and of those to watch
            meanwhile, `validation`, which may be none.
        settings: what is trained, and how.
        code: code digest that the workflow planned with.
        heads: train on so many of the heads; all when left out.
        hexplanes: folder of the hexplanes, `<name>.zarr`.
        sdf: folder of the signed-distance samples, same names.
        state: folder for checkpoints; each combination of settings, code and data has its own
            folder in it, so that a killed job resumes and a changed one starts anew.
        devices: GPUs, or processes on the CPU, that share the batches; 0 counts as 1, since a
            job that asks a cluster for no GPU still takes the one it finds.
        cache_gb: heads that take more stay on disk and are read as they come.
        force: replace files that hexplane did not write, too.

    Raises:
        UserError: there is no head to train on, or a number is out of range.
    """
    claim(output / "manifest.json", [output / name for name in WRITTEN], force)
    job = Job(__name__, settings, code, settings.training_modules())
    for option, value, most in (("--devices", devices, 4096), ("--cache-gb", cache_gb, 1e6)):
        if not 0 <= value <= most:  # NaN is not
            raise UserError(f"{option}: {value} (allowed: 0 to {most:g})")
    if heads is not None and heads < 1:
        raise UserError(f"--heads: {heads} (allowed: 1 or more)")
    names = read_split(split)
    chosen, watched_names = names["train"][:heads], names["validation"][:MOST_WATCHED]
    if not chosen:
        raise UserError(f"{split}: no heads to train on")
    stores = [hexplanes / f"{name}.zarr" for name in chosen]
    watched_stores = [hexplanes / f"{name}.zarr" for name in watched_names]
    by_steps = not settings.model.fitted
    kinds = [("train", stores)]
    if by_steps:
        kinds.append(("validation", watched_stores))
        kinds.append(("sdf", [sdf / path.name for path in (*stores, *watched_stores)]))
    inputs = {
        f"{kind}/{path.stem}": content_digest(path) for kind, paths in kinds for path in paths
    }
    key = digest({"spec": job.spec, "code": job.code, "inputs": inputs})
    resolution = read_hexplane(stores[0]).resolution
    fabric = launch(max(devices, 1) if by_steps else 1)
    progress = Progress(output.name, settings.training.steps, quiet=not fabric.is_global_zero)
    if by_steps:
        place = settings.features, fabric.device, cache_gb * 1e9
        trained_on = open_heads(stores, sdf, *place)
        watched = open_heads(watched_stores, sdf, *place) if watched_stores else None
        finished = train(settings, trained_on, watched, state / key, progress, fabric)
        finish()
        if not fabric.is_global_zero:
            return
        started = time.perf_counter()
        fit_bottleneck(finished.codec, trained_on)
        fitted = time.perf_counter() - started
        kept = isinstance(trained_on, Heads)
    else:
        finished, kept = fit(settings, stores, resolution, progress), True
        fitted = finished.seconds
    weights = {name: tensor.contiguous() for name, tensor in finished.codec.state_dict().items()}
    write_bytes(output / "model.safetensors", save(weights))
    write_csv(output / "history.csv", finished.rows)
    write_tensorboard(output / "tensorboard", finished.rows)
    write_json(
        output / "config.json",
        {
            "spec": job.spec,
            "resolution": resolution,
            "parameters": sum(p.numel() for p in finished.codec.parameters()),
            "finite": all(bool(own.isfinite().all()) for own in weights.values()),
            "train": chosen,
            "validation": watched_names if by_steps else [],
            "steps": finished.step,
            "seconds": round(finished.seconds, 3),
            "seconds_fitting": round(fitted, 3),
        },
    )
    job.write_manifest(
        output / "manifest.json",
        [output / name for name in WRITTEN],
        inputs=inputs,
        state=key,
        device=device_name(fabric),
        processes=fabric.world_size,
        residual_blocks=str(finished.codec.trunk_dtype or torch.float32).split(".")[1],
        heads_kept=kept,
    )
    progress.say(f"done, {output}")
