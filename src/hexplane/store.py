"""Zarr stores that explain themselves."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from hexplane.geometry import frame
from hexplane.geometry.hexplane import Hexplane
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
    with replacing(path) as temporary:
        group = zarr.create_group(temporary, zarr_format=3, attributes=attributes)
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


def read_store(path: Path, *names: str) -> tuple[NDArray[Any], ...]:
    """Whole arrays of a store, by name.

    Raises:
        UserError: the store or an array is missing or unreadable.
    """
    try:
        group = zarr.open_group(path, mode="r")
        arrays = [group[name] for name in names]
        for name, array in zip(names, arrays, strict=True):
            lost = array.nchunks - array.nchunks_initialized  # type: ignore[union-attr]
            if lost:
                raise UserError(f"{path}: {lost} chunks of {name!r} are missing")
        return tuple(np.asarray(array[...]) for array in arrays)  # type: ignore[index]
    except FileNotFoundError:
        raise UserError(f"{path}: no such Zarr store") from None
    except KeyError as error:
        raise UserError(f"{path}: no array {error} in this Zarr store") from None
    except UserError:
        raise
    except Exception as error:  # a damaged chunk surfaces as any codec's own error
        raise UserError(f"{path}: damaged Zarr store ({type(error).__name__})") from error


def array_shape(path: Path, name: str) -> tuple[int, ...]:
    """Shape of a store's array; nothing else is read.

    Raises:
        UserError: there is no such store or array.
    """
    try:
        return tuple(zarr.open_array(path / name, mode="r").shape)
    except Exception as error:
        raise UserError(f"{path}: no Zarr store with an array {name!r}") from error


def read_attributes(path: Path) -> dict[str, Any]:
    """Attributes of a store's group.

    Raises:
        UserError: there is no readable store.
    """
    try:
        return dict(zarr.open_group(path, mode="r").attrs)
    except Exception as error:
        raise UserError(f"{path}: not a readable Zarr store") from error


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
    """Read a rendered hexplane."""
    depth, normal = read_store(path, "depth", "normal")
    return Hexplane(depth, normal)


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
    """Read signed-distance samples: points [N, 3] and distance [N]."""
    points, distance = read_store(path, "points", "distance")
    return points, distance


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


def read_latent(path: Path) -> NDArray[np.float32]:
    """Read a latent [6, c, h, w]."""
    (latent,) = read_store(path, "latent")
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


def stored_bytes(path: Path, name: str) -> tuple[int, int]:
    """Bytes of one array raw, and of its chunks as they lie on disk."""
    (values,) = read_store(path, name)
    chunks = [file for file in (path / name / "c").rglob("*") if file.is_file()]
    return int(values.nbytes), sum(file.stat().st_size for file in chunks)
