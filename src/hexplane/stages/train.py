"""train: one experiment's network, from hexplanes and signed-distance samples."""

from pathlib import Path

import torch
from safetensors.torch import save_file

from hexplane.errors import UserError
from hexplane.files import replacing, write_json
from hexplane.provenance import Stage, content_digest, digest
from hexplane.specs.train import TrainSpec
from hexplane.training.data import Heads, open_heads
from hexplane.training.devices import device_name, finish, launch
from hexplane.training.history import write_csv, write_tensorboard
from hexplane.training.loop import train
from hexplane.training.progress import Progress


def run(
    output: Path,
    hexplanes: list[Path],
    validation: list[Path],
    sdf: Path,
    state: Path,
    spec: TrainSpec,
    code: str | None = None,
    devices: int = 1,
    cache_gb: float = 4.0,
) -> None:
    """Train a network and write its weights, configuration and history into the folder `output`.

    Args:
        output: the model's folder.
        hexplanes: stores to train on.
        validation: stores to watch; may be none.
        sdf: folder with the signed-distance samples of the same names.
        state: folder for checkpoints; each combination of settings, code and data has its own
            folder in it, so that a killed job resumes and a changed one starts anew.
        spec: settings.
        code: code digest that the workflow planned with.
        devices: GPUs, or processes on the CPU, that share the batches; 0 counts as 1, since a
            job that asks a cluster for no GPU still takes the one it finds.
        cache_gb: heads that take more stay on disk and are read as they come.
    """
    values = spec.model_dump(mode="json")
    stage = Stage(__name__, values, code)
    if not hexplanes:
        raise UserError("train: no hexplanes to train on")
    inputs = {
        f"{kind}/{path.stem}": content_digest(path)
        for kind, paths in (
            ("train", hexplanes),
            ("validation", validation),
            ("sdf", [sdf / path.name for path in (*hexplanes, *validation)]),
        )
        for path in paths
    }
    key = digest({"spec": values, "code": stage.code, "inputs": inputs})
    fabric = launch(max(devices, 1))
    place = spec.features, fabric.device, cache_gb * 1e9
    heads = open_heads(hexplanes, sdf, *place)
    watched = open_heads(validation, sdf, *place) if validation else None
    progress = Progress(output.name, spec.training.steps, quiet=not fabric.is_global_zero)
    finished = train(spec, heads, watched, state / key, progress, fabric)
    finish()
    if not fabric.is_global_zero:
        return
    weights = {name: tensor.contiguous() for name, tensor in finished.network.state_dict().items()}
    with replacing(output / "model.safetensors") as temporary:
        save_file(weights, temporary)
    write_csv(output / "history.csv", finished.rows)
    write_tensorboard(output / "tensorboard", finished.rows)
    write_json(
        output / "config.json",
        {
            "spec": values,
            "resolution": heads.resolution,
            "parameters": sum(p.numel() for p in finished.network.parameters()),
            "train": [path.stem for path in hexplanes],
            "validation": [path.stem for path in validation],
            "steps": finished.step,
            "seconds": round(finished.seconds, 3),
        },
    )
    names = ("model.safetensors", "history.csv", "config.json", "tensorboard")
    stage.write_manifest(
        output / "manifest.json",
        [output / name for name in names],
        inputs=inputs,
        state=key,
        device=device_name(fabric),
        processes=fabric.world_size,
        residual_blocks=str(finished.network.trunk_dtype or torch.float32).split(".")[1],
        heads_kept=isinstance(heads, Heads),
    )
    progress.say(f"done, {output}")
