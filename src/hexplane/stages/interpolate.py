"""interpolate: meshes on the straight line between two latents of one model."""

from pathlib import Path

import numpy as np
import torch

from hexplane.decoding import decode, read_own_latent, suited
from hexplane.geometry.writing import write_mesh
from hexplane.model.saved import chosen_modules, load_model
from hexplane.plumbing.claims import claim
from hexplane.plumbing.manifests import Job, content_digest
from hexplane.plumbing.paths import DEFAULT_MODEL
from hexplane.settings.interpolate import InterpolateSettings

SERVED = True


def run(
    first: Path,
    second: Path,
    output: Path,
    settings: InterpolateSettings = InterpolateSettings(),
    code: str | None = None,
    *,
    model: Path = DEFAULT_MODEL,
    force: bool = False,
) -> None:
    """Decode meshes on the line between two latents.

    Writes `0.ply`, `1.ply`, ... from the first latent's mesh to the second's, and a manifest.
    Latents are blended linearly, (1 - t) first + t second. Meshes are in the canonical frame: two
    heads have no common source.

    Args:
        first: store of the latent at t = 0.
        second: store of the latent at t = 1.
        output: folder of the meshes.
        settings: how many meshes, and how each is taken.
        code: code digest that the workflow planned with.
        model: folder of the model that made both.
        force: replace files that hexplane did not write, too.

    Raises:
        UserError: a latent was made by another model.
    """
    meshes = [output / f"{step}.ply" for step in range(settings.steps)]
    claim(output / "manifest.json", meshes, force)
    job = Job(__name__, settings, code, chosen_modules(model))
    saved = load_model(model)
    settings = job.settled(suited(settings, saved.codec))
    start, end = (read_own_latent(latent, saved, model)[0] for latent in (first, second))
    facts = []
    for path, share in zip(meshes, np.linspace(0, 1, settings.steps), strict=True):
        blend = torch.lerp(start, end, float(share))
        extraction = decode(saved.codec, blend, settings).extraction
        write_mesh(extraction.mesh, path)
        facts.append({"share": float(share), **extraction.facts})
    job.write_manifest(
        output / "manifest.json",
        meshes,
        inputs={
            "model": saved.weights_hash,
            f"latent/{first.stem}": content_digest(first),
            f"latent/{second.stem}": content_digest(second),
        },
        steps=facts,
    )
