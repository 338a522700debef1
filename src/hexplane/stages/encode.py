"""encode: the latent of a hexplane, or of a mesh file on its own."""

from pathlib import Path

from hexplane.encoding import encode, views_of
from hexplane.geometry.meshes import load_mesh
from hexplane.model.saved import chosen_modules, load_model
from hexplane.plumbing.claims import claim
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.manifests import Job, content_digest, manifest_path
from hexplane.plumbing.paths import DEFAULT_MODEL
from hexplane.settings.normalise import NormaliseSettings
from hexplane.store import read_hexplane, read_transform, write_latent

SERVED = True


def run(
    source: Path,
    output: Path | None = None,
    settings: NormaliseSettings = NormaliseSettings(),
    code: str | None = None,
    *,
    model: Path = DEFAULT_MODEL,
    force: bool = False,
) -> Path:
    """Turn a head into a latent.

    The latent is the most central one. Writes its store, and a manifest.

    Args:
        source: a hexplane store, or a mesh file, which is normalised and rendered first.
        output: the latent's store; the source's name with .latent.zarr when left out.
        settings: how a mesh file is normalised; not read for a hexplane.
        code: code digest that the workflow planned with.
        model: folder of the trained model.
        force: replace files that hexplane did not write, too.

    Returns:
        The latent's store.
    """
    target = output or source.with_suffix(".latent.zarr")
    claim(manifest_path(target), [target], force)
    job = Job(__name__, settings, code, chosen_modules(model))
    saved = load_model(model)
    inputs = {"model": saved.weights_hash}
    if source.suffix == ".zarr":
        hexplane = read_hexplane(source)
        known = read_transform(source)
        transform = None if known is None else known.tolist()
        inputs["hexplane"] = content_digest(source)
    else:
        hexplane, found = views_of(load_mesh(source), saved.resolution, settings)
        transform = found.tolist()
    try:
        latent = encode(saved, hexplane)
    except UserError as error:
        raise UserError(f"{source}: {error}") from None
    write_latent(
        target,
        latent.numpy(),
        model=saved.weights_hash,
        source_to_canonical=transform,
        packed_bytes=len(saved.codec.bottleneck.pack(latent)),
    )
    job.write_manifest(manifest_path(target), [target], inputs=inputs)
    return target
