"""Arrays as small PNG pictures inside the page; background is transparent, for light and dark."""

import base64
import io
from collections.abc import Sequence

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from hexplane.geometry import frame
from hexplane.rendering.select import embree
from hexplane.report.pictures import scale

Array = NDArray[np.floating]
Mask = NDArray[np.bool_]

COMMON, MISSING, ADDED = "#9aa0a6", "#0072b2", "#e69f00"
"""Colours of two silhouettes laid over one another."""
VIEW_PIXELS = 128
MESH_PIXELS = 168
_SUPERSAMPLING = 2
_FRONT = frame.VIEW_NAMES.index("front")
_TURN, _TILT = np.radians(-35.0), np.radians(15.0)
_MARGIN = 0.96
_LIGHT = np.array([-0.45, 0.55, 0.7]) / np.linalg.norm([-0.45, 0.55, 0.7])
"""From the upper left and the front: image right, image up, towards the camera."""
_GREYS = 32
_ENLARGED = 3
_CURVE = (176, 32, 48, 255)
"""Levels of grey: smooth at this size, and half the bytes of 256."""


def coverage_picture(coverage: Array) -> str:
    """Coverage [R, R] in [0, 1] as grey values, 1 white, without transparency."""
    return encode(_fit(Image.fromarray(_grey(coverage)), VIEW_PIXELS))


def depth_picture(depth: Array, covered: Mask, span: tuple[float, float]) -> str:
    """Depth [R, R]: light at the nearer end of `span`, dark at the farther one."""
    near, far = span
    share = (far - depth) / max(far - near, 1e-6)
    return encode(_masked(0.05 + 0.85 * np.clip(share, 0, 1), covered, VIEW_PIXELS))


def normal_picture(normal: Array, covered: Mask, view: int) -> str:
    """Normals [3, R, R] of a view, shaded by one light that moves with the camera."""
    return encode(_masked(_shade(normal, view), covered, VIEW_PIXELS))


def overlap_picture(ours: Mask, theirs: Mask) -> str:
    """Two silhouettes [R, R]: common pixels grey, missing ones blue, added ones orange."""
    colours = np.zeros((*ours.shape, 4), dtype=np.uint8)
    for where, colour in (
        (ours & theirs, COMMON),
        (theirs & ~ours, MISSING),
        (ours & ~theirs, ADDED),
    ):
        colours[where] = (*scale.rgb(colour), 255)
    return encode(_fit(Image.fromarray(colours), VIEW_PIXELS))


def error_picture(shares: Array, covered: Mask) -> str:
    """Errors [R, R] as shares of the largest one shown, in the colours of `scale`."""
    levels = np.round(np.clip(shares, 0, 1) * (_GREYS - 1)) / (_GREYS - 1)
    colours = np.zeros((*shares.shape, 4), dtype=np.uint8)
    colours[covered, :3] = scale.colours(levels[covered])
    colours[covered, 3] = 255
    return encode(_fit(Image.fromarray(colours), VIEW_PIXELS))


def mesh_picture(mesh: trimesh.Trimesh, original: trimesh.Trimesh) -> Image.Image:
    """A mesh from the front left, shaded; `original` sets its scale."""
    return _render(mesh, original, _three_quarter())


def curves_picture(curves: Sequence[Array], original: trimesh.Trimesh) -> Image.Image:
    """Closed curves in space, each [P, 3], over the mesh that they belong to."""
    rotation = _three_quarter()
    scale = _MARGIN / np.abs(np.asarray(original.vertices) @ rotation.T).max()
    image = mesh_picture(original, original).convert("RGBA")
    large = image.resize((image.width * _ENLARGED, image.height * _ENLARGED))
    pen = ImageDraw.Draw(large)
    for curve in curves:
        turned = scale * curve @ rotation.T
        right, up = turned @ frame.RIGHT[_FRONT], turned @ frame.UP[_FRONT]
        pixels = np.stack([(1 + right) / 2 * large.width, (1 - up) / 2 * large.height], axis=1)
        pen.line([tuple(own) for own in [*pixels.tolist(), pixels[0].tolist()]], _CURVE, 2)
    return large


def _three_quarter() -> Array:
    turn = [[np.cos(_TURN), 0, np.sin(_TURN)], [0, 1, 0], [-np.sin(_TURN), 0, np.cos(_TURN)]]
    tilt = [[1, 0, 0], [0, np.cos(_TILT), -np.sin(_TILT)], [0, np.sin(_TILT), np.cos(_TILT)]]
    return np.array(tilt) @ np.array(turn)


def _render(mesh: trimesh.Trimesh, original: trimesh.Trimesh, rotation: Array) -> Image.Image:
    # A turned mesh may leave the cube; the original's scale is kept, so that pictures compare.
    scale = _MARGIN / np.abs(np.asarray(original.vertices) @ rotation.T).max()
    turned = trimesh.Trimesh(scale * mesh.vertices @ rotation.T, mesh.faces, process=False)
    # On the CPU: a small picture takes less than a GPU's start-up.
    hexplane = embree().render(turned, MESH_PIXELS * _SUPERSAMPLING, only=_FRONT)
    covered = hexplane.occupancy[_FRONT]
    return _masked(_shade(hexplane.normal[_FRONT], _FRONT), covered, MESH_PIXELS)


def _shade(normal: Array, view: int) -> Array:
    axes = np.stack([frame.RIGHT[view], frame.UP[view], frame.TOWARD[view]])
    length = np.maximum(np.linalg.norm(normal, axis=0), 1e-6)  # decoded normals may be short
    lambert: Array = np.einsum("k,kc,cij->ij", _LIGHT, axes, normal / length)
    half: Array = np.clip(0.5 + 0.5 * lambert, 0, 1)  # wrapped, so that nothing is lost in black
    shade: Array = 0.2 + 0.75 * half**1.5
    return shade


def _masked(grey: Array, covered: Mask, size: int) -> Image.Image:
    levels = np.round(np.clip(grey, 0, 1) * (_GREYS - 1)) / (_GREYS - 1)
    # Grey is multiplied by alpha while it shrinks, or the background would darken the outline.
    values = Image.fromarray(_grey(levels * covered))
    alpha = Image.fromarray(_grey(covered))
    small, mask = _fit(values, size), _fit(alpha, size)
    weight = np.maximum(np.asarray(mask, dtype=np.float32) / 255, 1e-3)
    image = Image.fromarray(_grey(np.asarray(small, dtype=np.float32) / 255 / weight))
    image.putalpha(mask)
    return image


def _grey(values: Array | Mask) -> NDArray[np.uint8]:
    return np.round(np.clip(values.astype(np.float32), 0, 1) * 255).astype(np.uint8)


def _fit(image: Image.Image, size: int) -> Image.Image:
    """Shrunk to a side of `size` by averaging; never enlarged, the browser does that."""
    return image if image.width <= size else image.resize((size, size), Image.Resampling.BOX)


def encode(image: Image.Image) -> str:
    """A picture as a data URI."""
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
