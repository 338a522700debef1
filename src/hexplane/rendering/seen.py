"""How much of a mesh's surface its six views show."""

import numpy as np
import trimesh

from hexplane.geometry import frame
from hexplane.geometry.hexplane import Hexplane

POINTS = 20_000
STEEPEST = 0.1
"""Cosine between a normal and a view's ray below which the view is not asked."""


def seen_share(mesh: trimesh.Trimesh, hexplane: Hexplane) -> float:
    """Share of the surface that some view sees, from seeded points on it.

    A view sees a point that faces it and lies no further behind its depth than the surface can
    fall away within a pixel and a half.
    """
    points, faces = trimesh.sample.sample_surface(mesh, POINTS, seed=0)
    cosines = np.asarray(mesh.face_normals)[faces] @ frame.TOWARD.T  # [N, 6]
    size = hexplane.resolution
    seen = np.zeros(len(points), dtype=bool)
    for view, (right, up, depth) in enumerate(frame.project(points).transpose(0, 2, 1)):
        column = ((right + 1) / 2 * size).astype(int).clip(0, size - 1)
        row = ((1 - up) / 2 * size).astype(int).clip(0, size - 1)
        cosine = cosines[:, view]
        facing = cosine > STEEPEST
        slope = np.sqrt(1 - np.minimum(cosine, 1) ** 2) / np.maximum(cosine, STEEPEST)
        behind = depth - hexplane.depth[view, row, column]
        seen |= facing & (behind < 1.5 / size * (1 + slope))
    return float(seen.mean())
