"""CPU backend: Embree casts one ray a pixel."""

import numpy as np
import trimesh
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from hexplane import frame
from hexplane.render.hexplane import Hexplane


class EmbreeRenderer:
    """Exact first hits of orthographic rays through the pixel centres."""

    name = "embree"

    def render(self, mesh: trimesh.Trimesh, resolution: int) -> Hexplane:
        """The hexplane of a mesh that lies in the canonical cube."""
        # Plain arrays: trimesh's tracked ones make the scene several times slower to build.
        vertices = np.array(mesh.vertices, dtype=np.float32)
        faces = np.array(mesh.faces, dtype=np.int32)
        vertex_normals = np.array(mesh.vertex_normals, dtype=np.float32)  # angle-weighted
        scene = EmbreeScene()
        TriangleMesh(scene, vertices, faces)
        shape = (resolution, resolution)
        depth = np.full((6, *shape), frame.BACKGROUND_DEPTH, dtype=np.float32)
        normal = np.zeros((6, 3, *shape), dtype=np.float32)
        boxes = frame.project(np.array(mesh.bounds))[..., :2]  # [6, 2, 2]
        right, up = (axis.astype(np.float32) for axis in frame.pixel_centres(resolution))
        for index in range(6):
            low, high = boxes[index].min(axis=0), boxes[index].max(axis=0)
            # Only pixels inside the mesh's box can be hit.
            cols = np.flatnonzero((right >= low[0]) & (right <= high[0]))
            rows = np.flatnonzero((up >= low[1]) & (up <= high[1]))
            toward = frame.TOWARD[index].astype(np.float32)
            origins = np.empty((len(rows), len(cols), 3), dtype=np.float32)
            for axis in range(3):
                origins[..., axis] = toward[axis]
                origins[..., axis] += right[cols] * np.float32(frame.RIGHT[index, axis])
                origins[..., axis] += up[rows, None] * np.float32(frame.UP[index, axis])
            origins = origins.reshape(-1, 3)
            if not len(origins):
                continue  # thinner than a pixel
            directions = np.empty_like(origins)
            directions[:] = -toward
            hits = scene.run(origins, directions, output=1)
            hit = np.flatnonzero(hits["primID"] >= 0)
            pixel = rows[hit // len(cols)], cols[hit % len(cols)]
            depth[index][pixel] = hits["tfar"][hit] / 2
            corners = faces[hits["primID"][hit]]
            u, v = hits["u"][hit, None], hits["v"][hit, None]
            n = vertex_normals[corners[:, 0]] * (1 - u - v)
            n += vertex_normals[corners[:, 1]] * u
            n += vertex_normals[corners[:, 2]] * v
            length = np.sqrt(np.einsum("ij,ij->i", n, n))
            facing = np.where(n @ toward < 0, -1, 1)  # inward faces are turned to the camera
            n *= (facing / np.maximum(length, np.finfo(np.float32).tiny))[:, None]
            normal[index][:, pixel[0], pixel[1]] = n.T
        return Hexplane(depth, normal)
