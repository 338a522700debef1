"""How far meshes are from the nearest of some others."""

from collections.abc import Sequence

import numpy as np
import trimesh
from scipy.spatial import cKDTree

MOST_SAMPLES = 5_000
"""Surface points of a mesh that distances are taken at: pairs are many."""


def nearest(
    meshes: Sequence[trimesh.Trimesh],
    references: Sequence[trimesh.Trimesh],
    samples: int,
    seed: int,
) -> list[float]:
    """Chamfer-L1 distance of each mesh to the nearest reference, point to point.

    Two samples of one surface are not at distance 0, so that values are for comparing with others
    of as many samples.
    """
    rng = np.random.default_rng(seed)
    count = min(samples, MOST_SAMPLES)

    def points(mesh: trimesh.Trimesh) -> cKDTree:
        return cKDTree(trimesh.sample.sample_surface(mesh, count, seed=rng)[0])

    others = [points(mesh) for mesh in references]
    return [min(_chamfer(own, other) for other in others) for own in map(points, meshes)]


def _chamfer(one: cKDTree, other: cKDTree) -> float:
    there, back = other.query(one.data)[0], one.query(other.data)[0]
    return float((there.mean() + back.mean()) / 2)
