"""extract: a mesh and six decoded views from a latent."""

import sys
from pathlib import Path

import numpy as np

from hexplane.decoding import decode, read_own_latent, suited
from hexplane.extraction import is_empty
from hexplane.geometry.meshes import moved
from hexplane.geometry.writing import write_mesh
from hexplane.model import latent_file
from hexplane.model.saved import chosen_modules, load_model
from hexplane.plumbing.claims import claim
from hexplane.plumbing.manifests import Job, content_digest, manifest_path
from hexplane.plumbing.paths import DEFAULT_MODEL
from hexplane.settings.extract import ExtractSettings
from hexplane.store import write_decoded

SERVED = True


def run(
    latent: Path,
    output: Path | None = None,
    settings: ExtractSettings = ExtractSettings(),
    code: str | None = None,
    *,
    model: Path = DEFAULT_MODEL,
    canonical: bool = False,
    decoded: Path | None = None,
    force: bool = False,
) -> Path:
    """Turn a latent into a mesh, in the source's own coordinates.

    Writes the mesh, and its manifest with the range of the decoded field.

    Args:
        latent: a latent file, .hxl, or a latent's store.
        output: the mesh, without faces when the field never crosses its level; the latent's name
            with .mesh.ply when left out.
        settings: how the mesh is taken.
        code: code digest that the workflow planned with.
        model: folder of the model that made the latent.
        canonical: stay in the canonical cube, also where the latent knows the source's
            coordinates.
        decoded: store for the six decoded views, if wanted; beside the mesh. Of a codec that
            decodes none it is empty.
        force: replace files that hexplane did not write, too.

    Returns:
        The mesh.
    """
    target = output or latent.with_name(
        latent.name.removesuffix(".zarr").removesuffix(latent_file.SUFFIX) + ".mesh.ply"
    )
    claim(manifest_path(target), [target] if decoded is None else [target, decoded], force)
    job = Job(__name__, settings, code, chosen_modules(model))
    saved = load_model(model)
    settings = job.settled(suited(settings, saved.codec))
    values, transform = read_own_latent(latent, saved, model)
    images, extraction = decode(saved.codec, values, settings)
    mesh = extraction.mesh
    if not canonical and transform is not None:
        mesh = moved(mesh, np.linalg.inv(transform))
    if is_empty(mesh):
        low, high = (f"{extraction.facts[name]:.3g}" for name in ("field_min", "field_max"))
        level = extraction.field.level
        why = f"as the field ({low} to {high}) never crosses {level:g}"
        if extraction.method is not None:
            why = f"as {extraction.method} finds no solid behind all six views"
        print(f"{target}: empty, {why}", file=sys.stderr)
    write_mesh(mesh, target)
    written = [target]
    if decoded is not None:
        write_decoded(decoded, images)
        written.append(decoded)
    job.write_manifest(
        manifest_path(target),
        written,
        inputs={"model": saved.weights_hash, "latent": content_digest(latent)},
        canonical=canonical or transform is None,
        **extraction.facts,
    )
    return target
