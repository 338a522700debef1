"""Oracles of open heads: generated ones that were cut open, or files of yours.

    python -m benchmarks.open_heads scans/*.ply

Of cut heads the truth is known: the head before the cut. A file's truth is the solid made of it.
"""

import sys
from pathlib import Path
from statistics import fmean

import numpy as np
import trimesh

from benchmarks.table import Figure, print_table
from hexplane.extraction import extract, fused, signed
from hexplane.geometry import frame
from hexplane.geometry.distance import signed_distance
from hexplane.geometry.heads import generate_head
from hexplane.geometry.meshes import load_mesh
from hexplane.geometry.solid import canonical_solid
from hexplane.metrics.comparison import compare
from hexplane.rendering.embree import EmbreeRenderer
from hexplane.settings.extract import ExtractionSection

HEADS = 3
SETTINGS = ExtractionSection()
SAMPLES = 20_000


def oracles() -> list[Figure]:
    """The two targets, on generated heads without a neck's cap and with a hole for a mouth."""
    whole = [generate_head(1000 + i) for i in range(HEADS)]
    return figures([(cut_open(head), head) for head in whole], f"{HEADS} cut heads")


def figures(pairs: list[tuple[trimesh.Trimesh, trimesh.Trimesh]], what: str) -> list[Figure]:
    """Targets on pairs of an open mesh and the solid that it stands for."""
    ratios, scores = zip(*(measure(*pair) for pair in pairs), strict=True)
    spread = f"{what}; least {min(ratios):.3f}"
    return [
        Figure("open heads: oracle's IoU / signed distance's", fmean(ratios), 0.97, True, spread),
        Figure(
            "open heads: oracle's F at 0.01",
            fmean(scores),
            0.95,
            True,
            f"{what}; least {min(scores):.3f}",
        ),
    ]


def measure(opened: trimesh.Trimesh, whole: trimesh.Trimesh) -> tuple[float, float]:
    """IoU of the oracle by that of the signed distance's oracle, and its F-score at 0.01."""
    truth, _ = canonical_solid(whole, "y", close=True)
    solid, _ = canonical_solid(opened, "y", close=True)
    views = EmbreeRenderer().render(solid.mesh, 128)
    covered = views.occupancy.astype(np.float32)
    ours = extract(fused(covered, views.depth, views.normal, SETTINGS), SETTINGS).mesh
    axis = frame.voxel_centres(SETTINGS.resolution)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    grid = signed_distance(points, solid.mesh).reshape((SETTINGS.resolution,) * 3)
    theirs = extract(signed(grid), SETTINGS).mesh
    measured = [compare(mesh, truth.mesh, SAMPLES, (0.01,), 0) for mesh in (ours, theirs)]
    return measured[0]["iou"] / measured[1]["iou"], measured[0]["f_score_0.01"]


def cut_open(head: trimesh.Trimesh) -> trimesh.Trimesh:
    """A head without its neck's cap and without what is around its mouth."""
    middles = head.triangles_center
    tip = head.vertices[head.vertices[:, 2].argmax()]  # of the nose
    cap = middles[:, 1] < head.bounds[0, 1] + 1e-4
    mouth = np.linalg.norm(middles - (tip + [0, -0.035, -0.015]), axis=1) < 0.012
    opened = trimesh.Trimesh(head.vertices, head.faces[~(cap | mouth)], process=False)
    opened.remove_unreferenced_vertices()
    return opened


if __name__ == "__main__":
    files = [load_mesh(Path(name)) for name in sys.argv[1:]]
    pairs = [(mesh, mesh) for mesh in files]
    print_table(figures(pairs, f"{len(files)} files") if files else oracles())
