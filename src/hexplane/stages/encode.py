"""encode: the latent of a hexplane, or of a mesh file on its own."""

from pathlib import Path

import torch

from hexplane.errors import UserError
from hexplane.features import network_input
from hexplane.meshes import load_mesh
from hexplane.model.saved import load_model
from hexplane.provenance import Stage, content_digest, manifest_path
from hexplane.render import Hexplane, select_backend
from hexplane.specs.normalise import NormaliseSpec
from hexplane.stages.normalise import normalise
from hexplane.store import read_attributes, read_hexplane, write_latent


def run(
    source: Path, output: Path, model: Path, spec: NormaliseSpec, code: str | None = None
) -> None:
    """Write the most central latent of a source, and its manifest.

    Args:
        source: a hexplane store, or a mesh file, which is normalised and rendered first.
        output: the latent's store.
        model: folder of a trained model.
        spec: how a mesh file is normalised; not read for a hexplane.
        code: code digest that the workflow planned with.
    """
    stage = Stage(__name__, spec.model_dump(mode="json"), code)
    saved = load_model(model)
    hexplane, transform = _hexplane(source, saved.resolution, spec)
    if hexplane.resolution != saved.resolution:
        raise UserError(
            f"{source}: resolution {hexplane.resolution}, "
            f"but {model} was trained at {saved.resolution}"
        )
    views = torch.from_numpy(network_input(hexplane, saved.spec.features))
    with torch.no_grad():
        latent = saved.network.encode(views[None])[0].contiguous().numpy()
    write_latent(output, latent, model=saved.weights_hash, source_to_canonical=transform)
    inputs = {"model": saved.weights_hash}
    if source.suffix == ".zarr":
        inputs["hexplane"] = content_digest(source)
    stage.write_manifest(manifest_path(output), [output], inputs=inputs)


def _hexplane(
    source: Path, resolution: int, spec: NormaliseSpec
) -> tuple[Hexplane, list[list[float]] | None]:
    """A source's views, and its source-to-canonical transform [4, 4] where it is known."""
    if source.suffix == ".zarr":
        return read_hexplane(source), read_attributes(source).get("source_to_canonical")
    mesh, transform = normalise(load_mesh(source), spec)
    return select_backend("auto").render(mesh, resolution), transform.tolist()
