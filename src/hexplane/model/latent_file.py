"""A latent as one file, `.hxl`: which model made it, where the head was, and layers of code.

Little-endian:

    "HXL", version      4 bytes
    model               4 bytes, the first of the SHA-256 of the model's weights
    flags               1 byte: PLACE | DOUBLE | Z_UP, or PLACE | GENERAL
    place               with PLACE: scale, x, y, z of the source-to-canonical transform, float32
                        or, with DOUBLE, float64; with GENERAL, its first three rows, float64
    each layer          its length (LEB128), its bytes, and the CRC-32 of the file up to there

A file cut at a layer's end is whole, and coarser. A CRC-32 covers all that stands before it, so
that an altered header is found, too.
"""

import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hexplane.geometry import frame
from hexplane.plumbing.errors import UserError

SUFFIX = ".hxl"
MAGIC = b"HXL"
VERSION = 1
MODEL_BYTES = 4
PLACE, DOUBLE, Z_UP, GENERAL = 1, 2, 4, 8
MOVED = 2.5e-7
"""Where float32 moves a point by a greater share of the head's size, the place is float64."""
LAYER_BYTES = 7
"""What a layer of less than 2 MB costs at most besides its own bytes."""
MOST_LAYERS = 64
MOST_BYTES = 1 << 28
"""Of a layer: a damaged length must not be believed."""


class LatentFile(NamedTuple):
    """What a latent file says."""

    model: str  # hexadecimal, the first `MODEL_BYTES` of the weights' SHA-256
    source_to_canonical: frame.Array | None  # [4, 4]; None: the head lies in the cube
    layers: list[bytes]


def pack(
    weights_hash: str,
    source_to_canonical: NDArray[np.floating] | None,
    layers: Sequence[bytes],
) -> bytes:
    """The bytes of a latent file."""
    data = bytearray(_header(weights_hash, source_to_canonical))
    for layer in layers:
        data += _leb128(len(layer)) + layer
        data += struct.pack("<I", zlib.crc32(data))
    return bytes(data)


def header_bytes(source_to_canonical: NDArray[np.floating] | None) -> int:
    """Bytes of the file without its layers."""
    return len(_header("00" * MODEL_BYTES, source_to_canonical))


def unpack(data: bytes, name: str) -> LatentFile:
    """What a latent file says; every layer that is whole up to the end.

    Args:
        data: the file's bytes.
        name: what to call the file.

    Raises:
        UserError: it is none, of another version, cut inside a layer, or altered.
    """
    if data[:3] != MAGIC:
        raise UserError(f"{name}: no latent file (it does not begin with HXL)")
    if len(data) < 9:
        raise UserError(f"{name}: cut short inside its header")
    if data[3] != VERSION:
        raise UserError(f"{name}: latent file of version {data[3]} (allowed: {VERSION})")
    flags = data[8]
    at = 9
    transform = None
    if flags & PLACE:
        numbers = "<12d" if flags & GENERAL else "<4d" if flags & DOUBLE else "<4f"
        if len(data) < at + struct.calcsize(numbers):
            raise UserError(f"{name}: cut short inside its header")
        values = np.array(struct.unpack_from(numbers, data, at))
        at += struct.calcsize(numbers)
        if flags & GENERAL:
            transform = np.vstack([values.reshape(3, 4), [0.0, 0.0, 0.0, 1.0]])
        else:
            up: frame.UpAxis = "z" if flags & Z_UP else "y"
            transform = frame.similarity(float(values[0]), values[1:], up)
    layers: list[bytes] = []
    ends: list[int] = []
    while at < len(data):
        length, start = _read_leb128(data, at)
        end = start + length + 4
        if length > MOST_BYTES or len(layers) == MOST_LAYERS or end > len(data):
            where = f"inside layer {len(layers) + 1}{_whole(ends)}"
            raise UserError(f"{name}: cut short or altered {where}")
        if struct.unpack_from("<I", data, end - 4)[0] != zlib.crc32(data[: end - 4]):
            raise UserError(f"{name}: altered in layer {len(layers) + 1} or before (checksum)")
        layers.append(bytes(data[start : end - 4]))
        ends.append(end)
        at = end
    if not layers:
        raise UserError(f"{name}: cut short before the end of its first layer")
    place = frame.checked_transform(transform, name)
    return LatentFile(data[4 : 4 + MODEL_BYTES].hex(), place, layers)


def _header(weights_hash: str, transform: NDArray[np.floating] | None) -> bytes:
    flags, place = 0, b""
    if transform is not None:
        exact = np.asarray(transform, dtype=np.float64)
        flags, place = _place(exact)
    model = bytes.fromhex(weights_hash)[:MODEL_BYTES]
    return MAGIC + bytes([VERSION]) + model + bytes([flags]) + place


def _place(transform: NDArray[np.float64]) -> tuple[int, bytes]:
    """Flags and bytes of a source-to-canonical transform [4, 4]."""
    try:
        scale, offset, up = frame.parts_of(transform)
    except ValueError:  # none of this software's normalisation
        return PLACE | GENERAL, transform[:3].astype("<f8").tobytes()
    exact = np.array([scale, *offset])
    single = exact.astype(np.float32).astype(np.float64)
    # A canonical point p lies at (p - offset) / scale; the head's half-extent is 0.9 / scale.
    moved = np.abs(single[1:] - exact[1:]).max()
    moved += abs(single[0] / exact[0] - 1) * (1 + np.abs(offset).max())
    double = not moved <= MOVED * 2 * frame.HALF_EXTENT
    flags = PLACE | (DOUBLE if double else 0) | (Z_UP if up == "z" else 0)
    return flags, struct.pack("<4d" if double else "<4f", *exact)


def _leb128(value: int) -> bytes:
    """Unsigned LEB128 (DWARF 5, section 7.6)."""
    made = bytearray()
    while value >= 0x80:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)


def _read_leb128(data: bytes, at: int) -> tuple[int, int]:
    """The value at `at`, and where it ends; one too long or cut is beyond any layer."""
    value = 0
    for place in range(5):
        if at + place >= len(data):
            break
        byte = data[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    return MOST_BYTES + 1, at


def _whole(ends: list[int]) -> str:
    """Where such a file may be cut."""
    return f" (whole up to byte {ends[-1]}, the end of layer {len(ends)})" if ends else ""
