"""sample: signed distances to a normalised mesh, near its surface and throughout the cube."""

from pathlib import Path

import numpy as np
import trimesh

from hexplane.distance import signed_distance
from hexplane.files import sha256
from hexplane.meshes import read_normalised
from hexplane.provenance import Stage, manifest_path
from hexplane.specs.sample import SampleSpec
from hexplane.store import write_samples


def sample_points(mesh: trimesh.Trimesh, spec: SampleSpec) -> np.ndarray:
    """Seeded points float32 [near + uniform, 3]: around the surface first, then in the cube."""
    rng = np.random.default_rng(spec.seed)
    surface, _ = trimesh.sample.sample_surface(mesh, spec.near, seed=rng)
    near = surface + rng.normal(scale=spec.spread, size=surface.shape)
    uniform = rng.uniform(-1, 1, (spec.uniform, 3))
    return np.concatenate([near.clip(-1, 1), uniform]).astype(np.float32)


def run(mesh: Path, output: Path, spec: SampleSpec, code: str | None = None) -> None:
    """Write seeded points and their signed distances, and their manifest."""
    stage = Stage(__name__, spec.model_dump(mode="json"), code)
    solid = read_normalised(mesh)
    points = sample_points(solid, spec)
    write_samples(output, points, signed_distance(points, solid))
    stage.write_manifest(manifest_path(output), [output], inputs={"mesh": sha256(mesh)})
