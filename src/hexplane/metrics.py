"""How near a reconstruction is to its mesh, in canonical units (design, part 6)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from hexplane.distance import inside, surface_distance

Array = NDArray[np.float64]


def compare(
    reconstruction: trimesh.Trimesh,
    target: trimesh.Trimesh,
    samples: int,
    thresholds: Sequence[float],
    seed: int,
) -> dict[str, Any]:
    """Distances, overlap and topology of a reconstruction against its mesh.

    `samples` seeded points a side, point-to-mesh distances. Accuracy goes from the reconstruction
    to the target, completeness back; Chamfer-L1 is their mean; precision, recall and F-score count
    points below a threshold. Normal consistency is signed. IoU is taken on `samples` uniform
    points of the box around both meshes.

    An empty reconstruction has F-scores, IoU and normal consistency 0, and infinite distances,
    given as None.
    """
    names = {f"f_score_{threshold:g}": threshold for threshold in thresholds}
    if len(reconstruction.faces) == 0:
        nothing = dict.fromkeys(
            ("accuracy", "completeness", "chamfer_l1", "distance_95", "distance_max"), None
        )
        zeros = dict.fromkeys((*names, "normal_consistency", "iou"), 0.0)
        return {"empty": True, **nothing, **zeros, **topology(reconstruction)}
    rng = np.random.default_rng(seed)
    there, there_normals = _sample(reconstruction, target, samples, rng)
    back, back_normals = _sample(target, reconstruction, samples, rng)
    both = np.concatenate([there, back])
    scores: dict[str, Any] = {
        "empty": False,
        "accuracy": float(there.mean()),
        "completeness": float(back.mean()),
        "chamfer_l1": float((there.mean() + back.mean()) / 2),
        "distance_95": float(np.quantile(both, 0.95)),
        "distance_max": float(both.max()),
        "normal_consistency": float((there_normals.mean() + back_normals.mean()) / 2),
    }
    for name, threshold in names.items():
        precision, recall = (there < threshold).mean(), (back < threshold).mean()
        total = precision + recall
        scores[name] = float(2 * precision * recall / total) if total else 0.0
    bounds = np.stack([reconstruction.bounds, target.bounds])
    points = rng.uniform(bounds[:, 0].min(axis=0), bounds[:, 1].max(axis=0), (samples, 3))
    ours, theirs = inside(points, reconstruction), inside(points, target)
    union = (ours | theirs).sum()
    scores["iou"] = float((ours & theirs).sum() / union) if union else 0.0
    return {**scores, **topology(reconstruction)}


def topology(mesh: trimesh.Trimesh) -> dict[str, Any]:
    """Counts and closedness; `outward` says that a watertight mesh has a positive volume."""
    empty = len(mesh.faces) == 0
    closed = not empty and bool(mesh.is_watertight)
    return {
        "watertight": closed,
        "outward": closed and bool(mesh.volume > 0),
        "components": 0 if empty else int(mesh.body_count),
        "euler_number": 0 if empty else int(mesh.euler_number),
        "vertices": len(mesh.vertices),
        "faces": len(mesh.faces),
    }


def _sample(
    source: trimesh.Trimesh, other: trimesh.Trimesh, samples: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Distances [S] and normal products [S] from seeded points of one mesh to another."""
    points, faces = trimesh.sample.sample_surface(source, samples, seed=rng)
    distances, nearest = surface_distance(points, other)
    products = np.einsum("ij,ij->i", source.face_normals[faces], other.face_normals[nearest])
    return distances, products
