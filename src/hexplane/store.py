"""Zarr stores that explain themselves."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.abc.buffer import Buffer
from zarr.codecs import ZstdCodec
from zarr.storage import MemoryStore

from hexplane.geometry import frame
from hexplane.geometry.hexplane import Hexplane
from hexplane.geometry.limits import MOST_PIXELS, MOST_SAMPLES
from hexplane.plumbing.arrays import Shape, declared, group_attributes, layout
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import replacing

FRAME = "canonical cube [-1, 1]^3, +y up, +z front (glTF)"
_VIEW_TABLE = [
    {"name": view.name, "camera_at": view.toward, "image_right": view.right, "image_up": view.up}
    for view in frame.VIEWS
]
_IMAGES = {
    "views": _VIEW_TABLE,
    "frame": FRAME,
    "pixels": "row 0 is the top; pixel (i, j) is sampled at its centre: "
    "right = (j + 0.5) / R * 2 - 1, up = 1 - (i + 0.5) / R * 2",
}
_DEPTH = {
    "axes": ["view", "row", "column"],
    "units": "distance from the cube's near face along the view ray, divided by 2",
    "background": frame.BACKGROUND_DEPTH,
    **_IMAGES,
}
_NORMAL = {
    "axes": ["view", "component x y z", "row", "column"],
    "units": "object-space unit vector, turned to the camera",
    "background": 0.0,
    **_IMAGES,
}


HEXPLANE: dict[str, Shape] = {"depth": (6, "R", "R"), "normal": (6, 3, "R", "R")}
SAMPLES: dict[str, Shape] = {"points": ("N", 3), "distance": ("N",)}
DECODED: dict[str, Shape] = {"coverage": (6, "R", "R"), **HEXPLANE}
"""Arrays of a codec's views; the last two only where it decodes them."""
_MOST = {"R": MOST_PIXELS, "N": 2 * MOST_SAMPLES}


def write_store(
    path: Path,
    arrays: Mapping[str, tuple[NDArray[Any], dict[str, Any]]],
    chunk_first_axis: int | None = 1,
    **attributes: Any,
) -> None:
    """Write arrays with their attributes as one Zarr 3 group, Zstd compressed.

    Args:
        path: the store, a folder; an existing one is replaced at once.
        arrays: name -> (array, attributes).
        chunk_first_axis: entries along the first axis in a chunk; None: one chunk an array.
        attributes: of the group as a whole.
    """
    # Not into the folder at once: where a write fails, zarr's other threads go on and would make
    # again what is being removed.
    files: dict[str, Buffer] = {}
    group = zarr.create_group(MemoryStore(files), zarr_format=3, attributes=attributes)
    for name, (values, array_attributes) in arrays.items():
        first = values.shape[0] if chunk_first_axis is None else chunk_first_axis
        array = group.create_array(
            name,
            shape=values.shape,
            dtype=values.dtype,
            chunks=(first, *values.shape[1:]),
            compressors=ZstdCodec(level=3),
            attributes=array_attributes,
            config={"write_empty_chunks": True},  # so that a lost chunk is not read as zeros
        )
        array[...] = values
    with replacing(path) as temporary:
        for key, content in files.items():
            file = temporary / key
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.as_buffer_like())


def read_store(
    path: Path, shapes: Mapping[str, Shape], finite: bool = True
) -> tuple[NDArray[np.float32], ...]:
    """Whole arrays of a store, by name and expected shape.

    Args:
        path: the store.
        shapes: of the arrays that are read; R stands for pixels, N for samples.
        finite: refuse NaN and infinity, too.

    Raises:
        UserError: the store or an array is missing, damaged, or not as expected.
    """
    declared(path, shapes, _MOST)
    read = []
    for name in shapes:
        try:
            values = np.asarray(zarr.open_array(path / name, mode="r")[...])
        except Exception as error:  # a damaged chunk surfaces as any codec's own error
            raise UserError(f"{path}: damaged Zarr store ({type(error).__name__})") from error
        if finite and not np.isfinite(values).all():
            raise UserError(f"{path}: {name!r} holds NaN or infinity (allowed: finite numbers)")
        read.append(values)
    return tuple(read)


def read_attributes(path: Path) -> dict[str, Any]:
    """Attributes of a store's group.

    Raises:
        UserError: there is no readable store.
    """
    return group_attributes(path)


def read_transform(path: Path) -> frame.Array | None:
    """The source-to-canonical transform [4, 4] of a store, where it has one.

    Raises:
        UserError: there is no readable store, or what it has is no such transform.
    """
    return frame.checked_transform(group_attributes(path).get("source_to_canonical"), path)


def write_hexplane(
    path: Path, hexplane: Hexplane, source_to_canonical: list[list[float]] | None = None
) -> None:
    """Write a rendered hexplane: one chunk a view."""
    write_store(
        path,
        {"depth": (hexplane.depth, _DEPTH), "normal": (hexplane.normal, _NORMAL)},
        source_to_canonical=source_to_canonical,
    )


def read_hexplane(path: Path) -> Hexplane:
    """Read a rendered hexplane.

    Raises:
        UserError: the store is missing, damaged, or no hexplane.
    """
    depth, normal = read_store(path, HEXPLANE)
    if depth.min() < 0 or depth.max() > frame.BACKGROUND_DEPTH:
        raise UserError(f"{path}: 'depth' reaches out of the cube (allowed: 0 to 1)")
    return Hexplane(depth, normal)


def resolution_of(path: Path) -> int:
    """R, pixels along the side of a stored hexplane's views; no value is read.

    Raises:
        UserError: there is no such store, or it is not as expected.
    """
    return declared(path, HEXPLANE, _MOST)["depth"][-1]


def write_samples(path: Path, points: NDArray[np.float32], distance: NDArray[np.float32]) -> None:
    """Write signed-distance samples: points [N, 3] and distance [N]."""
    units = {"frame": FRAME, "units": "canonical units"}
    write_store(
        path,
        {
            "points": (points, {"axes": ["sample", "x y z"], **units}),
            "distance": (distance, {"axes": ["sample"], "sign": "negative inside", **units}),
        },
        chunk_first_axis=None,
    )


def read_samples(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Read signed-distance samples: points [N, 3] and distance [N].

    Raises:
        UserError: the store is missing, damaged, or holds no samples.
    """
    points, distance = read_store(path, SAMPLES)
    return points, distance


def samples_of(path: Path) -> int:
    """N, how many signed distances a store holds; no value is read.

    Raises:
        UserError: there is no such store, or it is not as expected.
    """
    return declared(path, SAMPLES, _MOST)["distance"][0]


def write_latent(
    path: Path,
    latent: NDArray[np.float32],
    model: str,
    source_to_canonical: list[list[float]] | None,
    packed_bytes: int,
) -> None:
    """Write a latent [6, c, h, w]: one chunk, since it is read whole.

    `packed_bytes` says how many bytes its bottleneck packs it into.
    """
    about = {
        "axes": ["view", "channel", "row", "column"],
        "units": "the bottleneck's own",
        "views": _VIEW_TABLE,
    }
    write_store(
        path,
        {"latent": (latent, about)},
        chunk_first_axis=None,
        model=model,
        source_to_canonical=source_to_canonical,
        packed_bytes=packed_bytes,
    )


def read_latent(path: Path, shape: tuple[int, ...], finite: bool = True) -> NDArray[np.float32]:
    """Read a latent of a codec's shape.

    Raises:
        UserError: the store is missing, damaged, or holds no latent of that shape.
    """
    (latent,) = read_store(path, {"latent": shape}, finite)
    return latent


def write_decoded(path: Path, images: Mapping[str, NDArray[np.float32]]) -> None:
    """Write a network's views: coverage in [0, 1], and depth and normal where it decodes them."""
    coverage = {
        "axes": ["view", "row", "column"],
        "units": "probability that the mesh covers the pixel",
        **_IMAGES,
    }
    about: dict[str, dict[str, Any]] = {"coverage": coverage, "depth": _DEPTH, "normal": _NORMAL}
    write_store(path, {name: (image, about[name]) for name, image in images.items()})


def read_decoded(path: Path) -> dict[str, NDArray[np.float32]]:
    """A network's views, by name; NaN is a diverged network's.

    Raises:
        UserError: the store is missing, damaged, or not as expected.
    """
    names = [name for name in DECODED if (path / name).is_dir()]
    shapes = {name: DECODED[name] for name in names}
    return dict(zip(names, read_store(path, shapes, finite=False), strict=True))


def latent_bytes(path: Path) -> tuple[int, int, int | None]:
    """Bytes of a latent as float32, of its chunks as they lie on disk, and packed where known.

    No value is read.

    Raises:
        UserError: the store is missing, damaged, or no latent.
    """
    shape, chunks = layout(path, "latent")
    packed = group_attributes(path).get("packed_bytes")
    if packed is not None and type(packed) is not int:
        raise UserError(f"{path}: packed_bytes is no whole number")
    return 4 * math.prod(shape), sum(file.stat().st_size for file in chunks), packed
