"""train: one experiment's network, from hexplanes and signed-distance samples."""

from pathlib import Path

from hexplane.errors import UserError
from hexplane.files import replacing, write_json
from hexplane.provenance import Stage, content_digest, digest, manifest_path
from hexplane.specs.train import TrainSpec
from hexplane.training.data import load_heads
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
    """
    from safetensors.torch import save_file

    values = spec.model_dump(mode="json")
    stage = Stage(__name__, values, code)
    if not hexplanes:
        raise UserError("train: no hexplanes to train on")
    inputs = {
        f"{kind}/{path.stem}": content_digest(manifest_path(path))
        for kind, paths in (
            ("train", hexplanes),
            ("validation", validation),
            ("sdf", [sdf / path.name for path in (*hexplanes, *validation)]),
        )
        for path in paths
    }
    key = digest({"spec": values, "code": stage.code, "inputs": inputs})
    heads = load_heads(hexplanes, sdf, spec.features)
    watched = load_heads(validation, sdf, spec.features) if validation else None
    progress = Progress(output.name, spec.training.steps)
    finished = train(spec, heads, watched, state / key, progress)
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
        output / "manifest.json", [output / name for name in names], inputs=inputs, state=key
    )
    progress.say(f"done, {output}")
