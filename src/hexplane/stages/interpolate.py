"""interpolate: meshes on the straight line between two latents of one model."""

from pathlib import Path

import numpy as np
import torch

from hexplane.errors import UserError
from hexplane.meshes import write_mesh
from hexplane.model.saved import load_model
from hexplane.provenance import Stage, content_digest
from hexplane.specs.interpolate import InterpolateSpec
from hexplane.stages.extract import decode
from hexplane.store import read_attributes, read_latent


def run(
    first: Path,
    second: Path,
    output: Path,
    model: Path,
    spec: InterpolateSpec,
    code: str | None = None,
) -> None:
    """Write `0.ply`, `1.ply`, ... from the first latent's mesh to the second's, and a manifest.

    Latents are blended linearly, (1 - t) first + t second, and decoded by the model. Meshes are in
    the canonical frame: two heads have no common source.

    Args:
        first: store of the latent at t = 0.
        second: store of the latent at t = 1.
        output: folder of the meshes.
        model: folder of the model that made both.
        spec: settings.
        code: code digest that the workflow planned with.

    Raises:
        UserError: a latent was made by another model.
    """
    stage = Stage(__name__, spec.model_dump(mode="json"), code)
    saved = load_model(model)
    for latent in (first, second):
        if read_attributes(latent).get("model") != saved.weights_hash:
            raise UserError(f"{latent}: encoded by another model than {model}")
    start, end = (torch.from_numpy(read_latent(latent)) for latent in (first, second))
    written, facts = [], []
    for step, share in enumerate(np.linspace(0, 1, spec.steps)):
        blend = torch.lerp(start, end, float(share))
        _, field, level, mesh = decode(saved.network, blend, spec)
        path = output / f"{step}.ply"
        write_mesh(mesh, path)
        written.append(path)
        facts.append(
            {
                "share": float(share),
                "empty": len(mesh.faces) == 0,
                "field_min": float(field.min()),
                "field_max": float(field.max()),
                "level": level,
            }
        )
    stage.write_manifest(
        output / "manifest.json",
        written,
        inputs={
            "model": saved.weights_hash,
            "first": content_digest(first),
            "second": content_digest(second),
        },
        steps=facts,
    )
