"""mean: the mean of the training heads, which costs no bytes at all."""

from pathlib import Path

import numpy as np

from hexplane.geometry.implicit import signed_distance_of
from hexplane.geometry.isosurface import marching_cubes
from hexplane.geometry.writing import write_mesh
from hexplane.plumbing.claims import claim
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.manifests import Job, content_digest, manifest_path
from hexplane.plumbing.paths import DEFAULT
from hexplane.plumbing.splits import read_split
from hexplane.settings.rates import AVERAGED
from hexplane.store import read_hexplane

GRID = 64
"""Voxels along the field's side."""
TRUNCATION = 0.1
"""Greatest distance in a field: farther than that, means say nothing of the surface."""

SERVED = True


def run(
    output: Path,
    split: Path,
    code: str | None = None,
    *,
    hexplanes: Path = Path(DEFAULT.hexplanes),
    force: bool = False,
) -> None:
    """Take the mesh of the training heads' mean signed distance field: of at most `AVERAGED`.

    Args:
        output: the mesh, beside which a manifest is written.
        split: JSON file with the names of the training heads, `train`.
        code: code digest that the workflow planned with.
        hexplanes: folder of the rendered hexplanes, `<name>.zarr`.
        force: replace files that hexplane did not write, too.

    Raises:
        UserError: there is no training head.
    """
    claim(manifest_path(output), [output], force)
    job = Job(__name__, None, code)
    stores = [hexplanes / f"{name}.zarr" for name in read_split(split)["train"][:AVERAGED]]
    if not stores:
        raise UserError(f"{split}: no heads to train on")
    total = np.zeros((GRID,) * 3)
    for store in stores:
        total += signed_distance_of(read_hexplane(store), GRID, TRUNCATION)
    mean = (total / len(stores)).astype(np.float32)
    write_mesh(marching_cubes(mean, 0.0, 1.0), output)
    inputs = {f"hexplane/{store.stem}": content_digest(store) for store in stores}
    job.write_manifest(manifest_path(output), [output], inputs=inputs)
