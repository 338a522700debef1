"""What metrics read of a reconstruction and its mesh, in canonical units."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from hexplane.geometry.distance import inside, surface_distance
from hexplane.metrics.table import metrics_at

Array = NDArray[np.float64]

OUTWARD = 1e-3
"""Canonical units from a face at which its outer side is looked at."""


class Comparison:
    """Distances, overlap and topology of a reconstruction against its mesh.

    `samples` seeded points a side, point-to-mesh distances. Accuracy goes from the reconstruction
    to the target, completeness back. IoU is taken on `samples` uniform points of the box around
    both meshes.

    Attributes:
        there, back: distances [S] from the reconstruction to the target, and back. Points of the
            target that lie inside it (eyes, teeth: bodies within a body) are none of them: nobody
            sees those from outside.
        there_normals, back_normals: products [S] of the normals at both ends.
        from_source: those of `back` that start on the source's own surface, not on what closes it.
    """

    def __init__(
        self,
        reconstruction: trimesh.Trimesh,
        target: trimesh.Trimesh,
        samples: int,
        seed: int,
        source_faces: int | None = None,
    ) -> None:
        self.reconstruction = reconstruction
        self.target = target
        self.samples = samples
        self.empty = len(reconstruction.faces) == 0
        if self.empty:
            return
        self._rng = np.random.default_rng(seed)
        self.there, self.there_normals, _ = self._sample(reconstruction, target)
        self.back, self.back_normals, faces = self._sample(target, reconstruction, outer=True)
        self.from_source = self.back if source_faces is None else self.back[faces < source_faces]

    def _sample(
        self, source: trimesh.Trimesh, other: trimesh.Trimesh, outer: bool = False
    ) -> tuple[Array, Array, NDArray[np.int64]]:
        """Distances [S] and normal products [S] from seeded points of a mesh to another.

        Also the faces [S] that the points lie on. `outer`: without points inside the mesh.
        """
        points, faces = trimesh.sample.sample_surface(source, self.samples, seed=self._rng)
        if outer and source.body_count > 1:
            outside = ~inside(points + OUTWARD * source.face_normals[faces], source)
            if outside.any():
                points, faces = points[outside], faces[outside]
        distances, nearest = surface_distance(points, other)
        products = np.einsum("ij,ij->i", source.face_normals[faces], other.face_normals[nearest])
        return distances, products, faces

    def quantile(self, share: float) -> float:
        """Distance that so many of the points of both sides are within."""
        both = np.concatenate([self.there, self.back])
        return float(np.quantile(both, share)) if share < 1 else float(both.max())

    def f_score(self, threshold: float) -> float:
        """Harmonic mean of precision and recall: shares of points below a threshold."""
        precision, recall = (self.there < threshold).mean(), (self.back < threshold).mean()
        total = precision + recall
        return float(2 * precision * recall / total) if total else 0.0

    @cached_property
    def iou(self) -> float:
        """Intersection over union of both insides."""
        bounds = np.stack([self.reconstruction.bounds, self.target.bounds])
        low, high = bounds[:, 0].min(axis=0), bounds[:, 1].max(axis=0)
        points = self._rng.uniform(low, high, (self.samples, 3))
        ours, theirs = inside(points, self.reconstruction), inside(points, self.target)
        union = (ours | theirs).sum()
        return float((ours & theirs).sum() / union) if union else 0.0

    @property
    def closed(self) -> bool:
        """Whether the reconstruction is watertight."""
        return bool(self.reconstruction.is_watertight)

    @property
    def outward(self) -> bool:
        """Whether it is watertight and has a positive volume."""
        return self.closed and bool(self.reconstruction.volume > 0)


def compare(
    reconstruction: trimesh.Trimesh,
    target: trimesh.Trimesh,
    samples: int,
    thresholds: Sequence[float],
    seed: int,
    source_faces: int | None = None,
) -> dict[str, Any]:
    """Every metric of `hexplane.metrics.table` by its name, but for those of a latent.

    The first `source_faces` faces of the target are the source's own surface, all by default.

    An empty reconstruction has the values that the table says: F-scores, IoU and normal
    consistency 0, and infinite distances, given as None.
    """
    comparison = Comparison(reconstruction, target, samples, seed, source_faces)
    return {metric.name: metric.of(comparison) for metric in metrics_at(thresholds)}
