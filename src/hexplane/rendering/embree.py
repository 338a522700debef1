"""CPU backend: Embree casts one ray a pixel."""

from collections.abc import Sequence

import numpy as np
import trimesh
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from hexplane.geometry import frame
from hexplane.geometry.hexplane import Hexplane
from hexplane.rendering.surface import surface_of


class EmbreeRenderer:
    """Exact first hits of orthographic rays through the pixel centres."""

    name = "embree"

    def render(self, mesh: trimesh.Trimesh, resolution: int, only: int | None = None) -> Hexplane:
        """The hexplane of a mesh that lies in the canonical cube; of one view, the rest empty."""
        vertices, faces, vertex_normals = surface_of(mesh)
        scene = EmbreeScene()
        TriangleMesh(scene, vertices, faces)
        shape = (resolution, resolution)
        depth = np.full((6, *shape), frame.BACKGROUND_DEPTH, dtype=np.float32)
        normal = np.zeros((6, 3, *shape), dtype=np.float32)
        boxes = frame.project(np.array(mesh.bounds))[..., :2]  # [6, 2, 2]
        right, up = (axis.astype(np.float32) for axis in frame.pixel_centres(resolution))
        for index in range(6) if only is None else [only]:
            low, high = boxes[index].min(axis=0), boxes[index].max(axis=0)
            # Only pixels inside the mesh's box can be hit.
            cols = _span((right >= low[0]) & (right <= high[0]))
            rows = _span((up >= low[1]) & (up <= high[1]))
            height, width = rows.stop - rows.start, cols.stop - cols.start
            if not height * width:
                continue  # thinner than a pixel
            toward = frame.TOWARD[index].astype(np.float32)
            origins = np.empty((height, width, 3), dtype=np.float32)
            for axis in range(3):
                across = right[cols] * np.float32(frame.RIGHT[index, axis]) + toward[axis]
                origins[..., axis] = across + up[rows, None] * np.float32(frame.UP[index, axis])
            directions = np.empty((height * width, 3), dtype=np.float32)
            directions[:] = -toward
            hits = scene.run(origins.reshape(-1, 3), directions, output=1)
            primitive = hits["primID"]
            hit = primitive >= 0
            distance = np.where(hit, hits["tfar"] / 2, np.float32(frame.BACKGROUND_DEPTH))
            depth[index, rows, cols] = distance.reshape(height, width)
            corners = faces.take(primitive, axis=0, mode="clip")
            u, v = (np.where(hit, hits[name], np.float32(0)) for name in "uv")
            n = vertex_normals.take(corners[:, 0], axis=0) * (1 - u - v)[:, None]
            n += vertex_normals.take(corners[:, 1], axis=0) * u[:, None]
            n += vertex_normals.take(corners[:, 2], axis=0) * v[:, None]
            # Inward faces are turned to the camera; the background has no normal.
            sign = np.where(n @ toward < 0, np.float32(-1), np.float32(1)) * hit
            length = np.sqrt(np.einsum("ij,ij->i", n, n))
            n *= (sign / np.maximum(length, np.finfo(np.float32).tiny))[:, None]
            normal[index, :, rows, cols] = n.reshape(height, width, 3).transpose(2, 0, 1)
        return Hexplane(depth, normal)

    def render_many(self, meshes: Sequence[trimesh.Trimesh], resolution: int) -> list[Hexplane]:
        """The hexplanes of meshes that lie in the canonical cube, one after the other."""
        return [self.render(mesh, resolution) for mesh in meshes]


def _span(inside: np.ndarray) -> slice:
    """The run of True values."""
    found = np.flatnonzero(inside)
    return slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(0, 0)
