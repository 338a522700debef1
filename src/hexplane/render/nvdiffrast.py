"""GPU backend: nvdiffrast rasterises all six views of many meshes in one call."""

from collections.abc import Sequence

import numpy as np
import torch
import trimesh
from torch import Tensor

from hexplane import frame
from hexplane.hexplane import Hexplane
from hexplane.render.clip import VIEWS, clip_batch, within_budget
from hexplane.render.surface import Surface, surface_of

BUDGET = 4 << 30
"""Bytes of device memory for one call: 15 meshes at R = 512. nvdiffrast counts values of an output
in 32 bits, which this stays far from too."""


class NvdiffrastRenderer:
    """First hits by CUDA rasterisation; no CUDA, no renderer.

    Differs from ray casting by where vertices are: coverage is decided with vertices rounded to
    1/16 pixel, so that some pixels on silhouettes change sides. Depth and normals are
    interpolated at the pixel centre from the true vertices.
    """

    name = "nvdiffrast"

    def __init__(self, device: str = "cuda", budget: int = BUDGET) -> None:
        import nvdiffrast.torch

        self.library = nvdiffrast.torch
        self.device = torch.device(device)
        self.budget = budget
        self.context = self.library.RasterizeCudaContext(device=self.device)

    def render(self, mesh: trimesh.Trimesh, resolution: int) -> Hexplane:
        """The hexplane of a mesh that lies in the canonical cube."""
        return self.render_many([mesh], resolution)[0]

    def render_many(self, meshes: Sequence[trimesh.Trimesh], resolution: int) -> list[Hexplane]:
        """The hexplanes of meshes that lie in the canonical cube, as many a call as fit."""
        surfaces = [surface_of(mesh) for mesh in meshes]
        return [
            hexplane
            for run in within_budget(surfaces, resolution, self.budget)
            for hexplane in self._call(run, resolution)
        ]

    @torch.no_grad()
    def _call(self, surfaces: Sequence[Surface], resolution: int) -> list[Hexplane]:
        batch = clip_batch(surfaces)
        positions, attributes, triangles = (
            torch.from_numpy(array).to(self.device) for array in batch[:3]
        )
        ranges = torch.from_numpy(batch.ranges)  # stays on the CPU
        size = (resolution, resolution)
        raster, _ = self.library.rasterize(
            self.context, positions, triangles, size, ranges=ranges, grad_db=False
        )
        values, _ = self.library.interpolate(attributes, raster, triangles)
        depth, normal = decode(values, raster[..., 3] > 0)
        return [Hexplane(d, n) for d, n in zip(depth, normal, strict=True)]


def decode(values: Tensor, covered: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Hexplanes from what a rasteriser interpolated, in this project's conventions.

    Args:
        values: float32 [6 M, R, R, 4], depth and normal, row 0 at the bottom of the image.
        covered: bool [6 M, R, R], pixels that some triangle covers.

    Returns:
        depth float32 [M, 6, R, R] and normal float32 [M, 6, 3, R, R], as in `Hexplane`.
    """
    values, covered = values.flip(1), covered.flip(1)
    images, height, width, _ = values.shape
    depth = torch.where(covered, values[..., 0], frame.BACKGROUND_DEPTH)
    normal = values[..., 1:].movedim(-1, 1)  # [6 M, 3, R, R]
    toward = torch.as_tensor(frame.TOWARD, dtype=values.dtype, device=values.device)
    toward = toward.repeat(images // VIEWS, 1)[:, :, None, None]
    # Inward faces are turned to the camera; the background has no normal.
    # Sums, no matrix product: that may be less precise than float32 on a GPU.
    sign = torch.where((normal * toward).sum(1) < 0, -1.0, 1.0)
    length = normal.square().sum(1).sqrt().clamp_min(torch.finfo(values.dtype).tiny)
    normal = torch.where(covered[:, None], normal * (sign / length)[:, None], 0.0)
    return (
        depth.reshape(-1, VIEWS, height, width).cpu().numpy(),
        normal.reshape(-1, VIEWS, 3, height, width).cpu().numpy(),
    )
