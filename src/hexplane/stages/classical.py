"""classical: meshes from six views by several methods, side by side."""

import time
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray

from hexplane.extraction import from_views
from hexplane.geometry.meshes import read_canonical, read_normalised
from hexplane.geometry.simplified import ladder
from hexplane.geometry.writing import write_mesh
from hexplane.metrics.polygons import measure_polygons
from hexplane.plumbing.claims import claim
from hexplane.plumbing.files import sha256
from hexplane.plumbing.manifests import Job, content_digest
from hexplane.settings.classical import ClassicalSettings
from hexplane.store import read_decoded, read_hexplane

SERVED = True


def run(
    views: Path,
    mesh: Path,
    output: Path,
    settings: ClassicalSettings = ClassicalSettings(),
    code: str | None = None,
    *,
    own: Path | None = None,
    force: bool = False,
) -> None:
    """Take a mesh out of six views by each of several methods, and measure each.

    Args:
        views: a rendered hexplane's store; with `own`, that of the views an arm decoded.
        mesh: the normalised mesh.
        output: the measures, JSON, in a manifest of their own; the meshes lie beside it.
        settings: which methods, and how meshes are taken and measured.
        code: code digest that the workflow planned with.
        own: the arm's own mesh: it joins the methods, simplified to as many vertices as each.
        force: replace files that hexplane did not write, too.
    """
    kept = {method: output.with_suffix(f".{method}.ply") for method in settings.methods}
    claim(output, kept.values(), force)
    job = Job(__name__, settings, code)
    target = read_normalised(mesh)
    inputs = {"mesh": sha256(mesh), "views": content_digest(views)}
    images: dict[str, NDArray[np.float32]]
    if own is None:
        truth = read_hexplane(views)
        images = {
            "coverage": truth.occupancy.astype(np.float32),
            "depth": truth.depth,
            "normal": truth.normal,
        }
    else:
        images = read_decoded(views)
        inputs["own"] = sha256(own)
    made: dict[str, tuple[trimesh.Trimesh, float]] = {}
    for method, path in kept.items():
        chosen = settings.model_copy(update={"method": method})
        started = time.perf_counter()
        found = from_views(
            images["coverage"], images.get("depth"), images.get("normal"), chosen
        ).mesh
        made[method] = found, time.perf_counter() - started
        write_mesh(found, path)
    if own is not None:
        wanted = {f"own as {method}": len(found.vertices) for method, (found, _) in made.items()}
        made |= _simplified(read_canonical(own), wanted)
    rows = {
        name: measure_polygons(found, target, settings.samples, settings.seed)
        | {"seconds": round(seconds, 4)}
        for name, (found, seconds) in made.items()
    }
    job.write_manifest(output, list(kept.values()), inputs=inputs, methods=rows)


def _simplified(
    mesh: trimesh.Trimesh, wanted: dict[str, int]
) -> dict[str, tuple[trimesh.Trimesh, float]]:
    """A mesh with at most so many vertices, by name, and the seconds that took."""
    found: dict[str, tuple[trimesh.Trimesh, float]] = {}
    if len(mesh.faces) == 0:
        return dict.fromkeys(wanted, (mesh, 0.0))
    for rung in ladder(mesh):
        for name, vertices in wanted.items():
            if name not in found and len(rung.vertices) <= vertices:
                few = trimesh.Trimesh(rung.vertices, rung.faces, process=False)
                found[name] = few, rung.seconds
    return found
