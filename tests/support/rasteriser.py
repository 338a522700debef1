"""nvdiffrast's interface on the CPU, slow and plain, for what can be tested without a GPU.

After its documentation: positions in clip space; output rows from the bottom up; per pixel
(u, v, z/w, triangle + 1), where u and v are the weights of a triangle's first and second vertex,
taken at the pixel's centre, and zeros where there is nothing. As on the device, vertices rounded
to 1/16 pixel decide which pixels a triangle covers and which triangle is nearest; weights come
from the vertices as they are, in float32, clamped to the triangle. Only w = 1.
"""

import numpy as np
import torch

SUBPIXELS = 16
calls: list[int] = []
"""Images of each call of `rasterize`."""


class RasterizeCudaContext:
    def __init__(self, device=None):
        self.device = device


def rasterize(glctx, pos, tri, resolution, ranges=None, grad_db=True):
    assert isinstance(glctx, RasterizeCudaContext)
    _check(pos, torch.float32, 4)
    _check(tri, torch.int32, 3)
    _check(ranges, torch.int32, 2)
    assert ranges.device.type == "cpu"
    assert bool((pos[:, 3] == 1).all())
    calls.append(len(ranges))
    height, width = resolution
    out = np.zeros((len(ranges), height, width, 4), dtype=np.float32)
    positions, triangles = pos.numpy(), tri.numpy()
    for image, (first, count) in zip(out, ranges.tolist(), strict=True):
        chosen = np.arange(first, first + count)
        _draw(image, positions[triangles[chosen]], chosen)
    return torch.from_numpy(out), torch.zeros(out.shape)


def interpolate(attr, rast, tri):
    _check(attr, torch.float32, attr.shape[-1])
    _check(tri, torch.int32, 3)
    u, v, _, name = rast.unbind(-1)
    covered = name > 0
    corners = tri.long()[(name.long() - 1).clamp_min(0)]  # [images, R, R, 3]
    weights = torch.stack([u, v, 1 - u - v], dim=-1) * covered[..., None]
    return (attr[corners] * weights[..., None]).sum(-2), torch.zeros(0)


def _check(tensor, kind, width):
    assert tensor.dtype == kind
    assert tensor.ndim == 2 and tensor.shape[0] > 0 and tensor.shape[1] == width
    assert tensor.is_contiguous()


def _draw(image, corners, names):
    """Triangles [T, 3, 4] in clip space into one image [R, R, 4]."""
    height, width = image.shape[:2]
    size = np.array([width, height])
    # Subpixels from the middle of the image; pixel k is sampled at 16 k + origin.
    snapped = np.rint(corners[..., :2] * (size * SUBPIXELS / 2)).astype(np.int64)
    origin = SUBPIXELS // 2 - size * SUBPIXELS // 2
    low = np.maximum(-((origin - snapped.min(axis=1)) // SUBPIXELS), 0)
    high = np.minimum((snapped.max(axis=1) - origin) // SUBPIXELS, size - 1)
    spans = np.maximum(high - low + 1, 0)
    counts = spans.prod(axis=1)
    triangle = np.repeat(np.arange(len(corners)), counts)  # one row for each pixel of each box
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    column = low[triangle, 0] + within % np.maximum(spans[triangle, 0], 1)
    row = low[triangle, 1] + within // np.maximum(spans[triangle, 0], 1)
    centre = np.stack([column, row], axis=1) * SUBPIXELS + origin

    (x, y), clockwise = np.moveaxis(snapped, -1, 0), _area(snapped) < 0
    edges = []
    inside = (_area(snapped) != 0)[triangle]
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        dx, dy = (x[:, j] - x[:, i])[triangle], (y[:, j] - y[:, i])[triangle]
        edge = dx * (centre[:, 1] - y[triangle, i]) - dy * (centre[:, 0] - x[triangle, i])
        turned = np.where(clockwise[triangle], -1, 1)
        edge, dx, dy = edge * turned, dx * turned, dy * turned
        # A centre on an edge that two triangles share belongs to one of them.
        inside &= (edge > 0) | ((edge == 0) & ((dy > 0) | ((dy == 0) & (dx < 0))))
        edges.append(edge)
    weights = np.stack(edges, axis=1)[inside]
    triangle, row, column = triangle[inside], row[inside], column[inside]
    weights = weights / weights.sum(axis=1, keepdims=True)
    z = (weights * corners[triangle, :, 2]).sum(axis=1)
    pixel = row * width + column
    order = np.lexsort((z, pixel))
    pixel, nearest = np.unique(pixel[order], return_index=True)
    triangle = triangle[order][nearest]
    row, column = pixel // width, pixel % width

    one = np.float32(1)
    place = np.stack([column, row], axis=1).astype(np.float32)
    place = place * (np.float32(2) / size.astype(np.float32)) + (one / size - one)
    p = corners[triangle]
    d = p[..., :2] - place.astype(np.float32)[:, None]  # [pixels, 3, 2]
    areas = np.stack([_cross(d[:, 1], d[:, 2]), _cross(d[:, 2], d[:, 0]), _cross(d[:, 0], d[:, 1])])
    with np.errstate(divide="ignore", invalid="ignore"):
        total = areas.sum(axis=0)
        u, v = np.nan_to_num(np.clip(areas[:2] / total, 0, 1))
        depth = np.clip((areas * p[..., 2].T).sum(axis=0) / total, -1, 1)
    over = np.maximum(u + v, 1)
    image[row, column] = np.stack([u / over, v / over, depth, names[triangle] + 1], axis=1)


def _cross(a, b):
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _area(snapped):
    return _cross(snapped[:, 1] - snapped[:, 0], snapped[:, 2] - snapped[:, 0])
