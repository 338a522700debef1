"""The canonical frame and its six orthographic views; nothing else in the project knows an axis.

Canonical cube [-1, 1]^3, +y up, +z front (glTF). A *hexplane* is six R x R images of it, one for
each face. Row 0 is the top of an image, and pixel (i, j) is sampled at its centre.
"""

from typing import Any, Literal, NamedTuple, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from hexplane.plumbing.errors import UserError

Array = NDArray[np.floating]
F = TypeVar("F", bound=np.floating)
UpAxis = Literal["y", "z"]

HALF_EXTENT = 0.9
"""Longest half-extent of a normalised mesh's bounding box, in canonical units."""
BACKGROUND_DEPTH = 1.0
"""Depth where a ray hits nothing: the far face, so that carving by depth needs no mask."""


class View(NamedTuple):
    """One orthographic camera: unit vectors in the canonical frame; right x up = toward."""

    name: str
    toward: tuple[int, int, int]  # from the cube's centre to the camera
    right: tuple[int, int, int]
    up: tuple[int, int, int]


VIEWS = (
    View("top", (0, 1, 0), (1, 0, 0), (0, 0, -1)),
    View("bottom", (0, -1, 0), (1, 0, 0), (0, 0, 1)),
    View("front", (0, 0, 1), (1, 0, 0), (0, 1, 0)),
    View("back", (0, 0, -1), (-1, 0, 0), (0, 1, 0)),
    View("left", (1, 0, 0), (0, 0, -1), (0, 1, 0)),
    View("right", (-1, 0, 0), (0, 0, 1), (0, 1, 0)),
)
VIEW_NAMES = tuple(view.name for view in VIEWS)

TOWARD = np.array([view.toward for view in VIEWS], dtype=np.float64)  # [6, 3]
RIGHT = np.array([view.right for view in VIEWS], dtype=np.float64)  # [6, 3]
UP = np.array([view.up for view in VIEWS], dtype=np.float64)  # [6, 3]


def pixel_centres(resolution: int) -> tuple[Array, Array]:
    """Image coordinates of the pixel centres.

    Returns:
        right [R] by column j and up [R] by row i, both in [-1, 1].
    """
    centres = (np.arange(resolution) + 0.5) / resolution * 2 - 1
    return centres, -centres


def project(points: Array) -> Array:
    """Canonical points [N, 3] seen by each view.

    Returns:
        [6, N, 3]: image right and up in [-1, 1], and depth from the near face in [0, 1].
    """
    right, up, toward = (points @ axes.T for axes in (RIGHT, UP, TOWARD))  # [N, 6] each
    return np.stack([right, up, (1 - toward) / 2], axis=-1).transpose(1, 0, 2)


def unproject(depth: Array) -> Array:
    """Canonical points [6, R, R, 3] under the pixels of depth images [6, R, R]."""
    right, up = pixel_centres(depth.shape[-1])
    toward = 1 - 2 * depth
    return (
        right[None, None, :, None] * RIGHT[:, None, None]
        + up[None, :, None, None] * UP[:, None, None]
        + toward[..., None] * TOWARD[:, None, None]
    )


def occupancy(depth: Array) -> NDArray[np.bool_]:
    """Silhouettes of depth images, same shape: True where the ray hit the mesh."""
    return depth < BACKGROUND_DEPTH


def voxel_centres(resolution: int) -> Array:
    """Coordinates [N] of voxel centres along any axis of the canonical cube, ascending."""
    return (np.arange(resolution) + 0.5) / resolution * 2 - 1


def grid_points(axis: NDArray[F]) -> NDArray[F]:
    """All points [N^3, 3] whose coordinates are among [N], x slowest."""
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)


def canonical_transform(vertices: Array, up_axis: UpAxis) -> Array:
    """Source-to-canonical transform [4, 4] of a mesh with vertices [V, 3] in its own units.

    A z-up source is turned about x so that its +z becomes +y (and its -y the front, +z).
    The bounding box is then centred, and its longest half-extent scaled to `HALF_EXTENT`.
    """
    turned = vertices @ _turn(up_axis).T
    low, high = turned.min(axis=0), turned.max(axis=0)
    scale = HALF_EXTENT / ((high - low).max() / 2)
    return similarity(scale, -scale * (low + high) / 2, up_axis)


def similarity(scale: float, offset: Array, up_axis: UpAxis) -> NDArray[np.float64]:
    """Transform [4, 4] that turns a source upright, scales it, and adds the offset [3]."""
    transform = np.eye(4)
    transform[:3, :3] = scale * _turn(up_axis)
    transform[:3, 3] = offset
    return transform


def checked_transform(value: Any, where: object) -> Array | None:
    """A source-to-canonical transform [4, 4] that a file gave; None where it gave none.

    Such a transform turns, scales alike along all axes and moves.

    Args:
        value: what the file says.
        where: the file, for the message.

    Raises:
        UserError: it is no such transform.
    """
    if value is None:
        return None
    try:
        transform = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        transform = np.empty(0)
    sound = transform.shape == (4, 4) and bool(np.isfinite(transform).all())
    if sound:
        linear = transform[:3, :3]
        with np.errstate(all="ignore"):
            scale = np.cbrt(np.linalg.det(linear))
            turn = linear / scale if 1e-30 < scale < 1e30 else np.zeros((3, 3))
        sound = np.allclose(turn @ turn.T, np.eye(3), atol=1e-6) and np.array_equal(
            transform[3], (0, 0, 0, 1)
        )
    if not sound:
        raise UserError(
            f"{where}: source_to_canonical is no transform "
            "(allowed: 4 x 4 numbers that turn, scale and move)"
        )
    return transform


def parts_of(transform: Array) -> tuple[float, Array, UpAxis]:
    """Scale, offset [3] and up axis of what `similarity` made.

    Raises:
        ValueError: it made no such transform.
    """
    for up_axis in get_args(UpAxis):
        scale = float(transform[0, 0])  # neither turn touches x
        if np.array_equal(similarity(scale, transform[:3, 3], up_axis), transform):
            return scale, transform[:3, 3], up_axis
    raise ValueError("not a turn about x, a scale and an offset")


def _turn(up_axis: UpAxis) -> Array:
    if up_axis == "z":
        return np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    return np.eye(3)


def apply_transform(transform: Array, points: Array) -> Array:
    """Points [N, 3] under an affine transform [4, 4]."""
    return points @ transform[:3, :3].T + transform[:3, 3]
