"""encode: the latent of a hexplane, or of a mesh file on its own."""

import sys
from pathlib import Path

import numpy as np

from hexplane.encoding import encode, file_of, views_of
from hexplane.geometry import frame
from hexplane.geometry.meshes import load_mesh
from hexplane.model import latent_file
from hexplane.model.saved import chosen_modules, load_model
from hexplane.plumbing.claims import claim, claim_by_magic
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import write_bytes
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
    up: frame.UpAxis | None = None,
    max_bytes: int | None = None,
    force: bool = False,
) -> Path:
    """Turn a head into a latent.

    The latent is the most central one, or the best of so many bytes. Writes a latent file; or a
    store, and its manifest.

    Args:
        source: a hexplane store, or a mesh file, which is normalised and rendered first.
        output: the latent file, .hxl, or a store, .zarr; the source's name with .hxl when left
            out.
        settings: how a mesh file is normalised; not read for a hexplane.
        code: code digest that the workflow planned with.
        model: folder of the trained model.
        up: axis that points up in a mesh file, in the place of the setting.
        max_bytes: size of the latent file, header included, that the latent has to fit.
        force: replace files that hexplane did not write, too.

    Returns:
        The latent file or store.

    Raises:
        UserError: the source cannot be encoded, or the model has no latent as small.
    """
    target = output or source.with_suffix(latent_file.SUFFIX)
    stored = target.suffix == ".zarr"
    if stored:
        claim(manifest_path(target), [target], force)
    elif target.suffix == latent_file.SUFFIX:
        claim_by_magic(target, latent_file.MAGIC, force)
    else:
        raise UserError(f"{target}: neither a latent file nor a store (allowed: .hxl .zarr)")
    if up is not None:
        if source.suffix == ".zarr":
            raise UserError(f"--up: {source} is a store of views, which stands as it is")
        settings = settings.model_copy(update={"up": up})
    job = Job(__name__, settings, code, chosen_modules(model))
    saved = load_model(model)
    inputs = {"model": saved.weights_hash}
    if source.suffix == ".zarr":
        hexplane = read_hexplane(source)
        known = read_transform(source)
        transform = None if known is None else known.tolist()
        inputs["hexplane"] = content_digest(source)
    else:
        hexplane, found, hint = views_of(load_mesh(source), saved.resolution, settings)
        transform = found.tolist()
        if hint:
            print(f"hint: {source}: {hint}", file=sys.stderr)
    place = None if transform is None else np.array(transform)
    most = None if max_bytes is None else max_bytes - latent_file.header_bytes(place)
    try:
        latent = encode(saved, hexplane, most)
    except UserError as error:
        raise UserError(f"{source}: {error}") from None
    if stored:
        write_latent(
            target,
            latent.numpy(),
            model=saved.weights_hash,
            source_to_canonical=transform,
            packed_bytes=sum(map(len, saved.codec.layers(latent))),
        )
        job.write_manifest(manifest_path(target), [target], inputs=inputs)
    else:
        write_bytes(target, file_of(saved, latent, place))
    return target
