"""distances: signed distances to a normalised mesh, near its surface and throughout the cube."""

from pathlib import Path

import numpy as np
import trimesh

from hexplane.geometry.distance import signed_distance
from hexplane.geometry.meshes import read_normalised
from hexplane.plumbing.claims import claim
from hexplane.plumbing.files import sha256
from hexplane.plumbing.manifests import Job, manifest_path
from hexplane.settings.distances import DistancesSettings
from hexplane.store import write_samples

SERVED = True


def sample_points(mesh: trimesh.Trimesh, settings: DistancesSettings) -> np.ndarray:
    """Seeded points float32 [near + uniform, 3]: around the surface first, then in the cube."""
    rng = np.random.default_rng(settings.seed)
    surface, _ = trimesh.sample.sample_surface(mesh, settings.near, seed=rng)
    near = surface + rng.normal(scale=settings.spread, size=surface.shape)
    uniform = rng.uniform(-1, 1, (settings.uniform, 3))
    return np.concatenate([near.clip(-1, 1), uniform]).astype(np.float32)


def run(
    mesh: Path,
    output: Path,
    settings: DistancesSettings = DistancesSettings(),
    code: str | None = None,
    *,
    force: bool = False,
) -> None:
    """Take signed distances to a normalised mesh at seeded points.

    Args:
        mesh: the normalised mesh.
        output: the store of points and distances, beside which a manifest is written.
        settings: how many points, and where.
        code: code digest that the workflow planned with.
        force: replace files that hexplane did not write, too.
    """
    job = Job(__name__, settings, code)
    claim(manifest_path(output), [output], force)
    solid = read_normalised(mesh)
    points = sample_points(solid, settings)
    write_samples(output, points, signed_distance(points, solid))
    job.write_manifest(manifest_path(output), [output], inputs={"mesh": sha256(mesh)})
