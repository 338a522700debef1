"""Arrays of a glTF file: buffers, views and accessors.

Source: Khronos Group, glTF 2.0 Specification, chapter 3.6.
"""

import base64
import binascii

import numpy as np

from hexplane.geometry.reading.document import Accessor, Document
from hexplane.geometry.reading.surface import BadMesh

_KINDS = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
MESHOPT = ("EXT_meshopt_compression", "KHR_meshopt_compression")


class Arrays:
    """The accessors of a document, read when they are asked for."""

    def __init__(self, document: Document, binary: bytes | None, size: int):
        """`binary`: the file's own buffer; `size`: bytes of the whole file."""
        self._document, self._binary, self._size = document, binary, size

    def accessor(self, index: int) -> Accessor:
        """An accessor's description.

        Raises:
            BadMesh: there is none.
        """
        if index >= len(self._document.accessors):
            raise BadMesh(f"it names accessor {index}, which is not there")
        return self._document.accessors[index]

    def read(self, index: int, kind: str) -> np.ndarray:
        """Values [count, width] of an accessor of the type `kind`, overrides and all.

        Normalised integers become numbers in [-1, 1]; others keep their type.

        Raises:
            BadMesh: the data are cut short, compressed, or of another type.
        """
        accessor = self.accessor(index)
        if accessor.type != kind:
            raise BadMesh(f"accessor {index} is {accessor.type}, and {kind} is needed")
        if accessor.count > self._size:
            raise BadMesh(f"accessor {index} declares {accessor.count:,} values: damaged")
        width, item = _WIDTHS[kind], component(accessor)
        if accessor.buffer_view is None:
            values = np.zeros((accessor.count, width), item)
        else:
            view, at = accessor.buffer_view, accessor.byte_offset
            values = self._values(view, at, accessor.count, width, item)
        if accessor.sparse is not None:
            sparse = accessor.sparse
            if sparse.count > accessor.count:
                raise BadMesh(f"accessor {index} has more overrides than values")
            where, what = sparse.indices, sparse.values
            number = np.dtype(_KINDS[where.component_type])
            places = self._values(where.buffer_view, where.byte_offset, sparse.count, 1, number)
            if sparse.count and places.max() >= accessor.count:
                raise BadMesh(f"accessor {index} overrides a value that is not there")
            values = values.copy()
            values[places[:, 0]] = self._values(
                what.buffer_view, what.byte_offset, sparse.count, width, item
            )
        return normalised(values) if accessor.normalized else values

    def view(self, index: int) -> bytes | memoryview:
        """The bytes of a buffer view.

        Raises:
            BadMesh: they are not there, compressed, or in another file.
        """
        if index >= len(self._document.buffer_views):
            raise BadMesh(f"it names buffer view {index}, which is not there")
        view = self._document.buffer_views[index]
        for name in MESHOPT:
            if name in view.extensions:
                raise BadMesh(
                    f"{name} is not supported: save it without compression, or with Draco"
                )
        data = memoryview(self._buffer(view.buffer))
        end = view.byte_offset + view.byte_length
        if end > len(data):
            raise BadMesh(f"buffer view {index} ends at byte {end:,} of {len(data):,}: cut short")
        return data[view.byte_offset : end]

    def _buffer(self, index: int) -> bytes:
        if index >= len(self._document.buffers):
            raise BadMesh(f"it names buffer {index}, which is not there")
        buffer = self._document.buffers[index]
        if buffer.uri is None:
            if index > 0 or self._binary is None:
                raise BadMesh(f"buffer {index} has no data")
            data = self._binary
        elif buffer.uri.startswith("data:") and ";base64," in buffer.uri[:100]:
            try:
                data = base64.b64decode(buffer.uri.partition(";base64,")[2], validate=True)
            except binascii.Error:
                raise BadMesh(f"buffer {index} is no base64") from None
        else:
            raise BadMesh(f"buffer {index} lies in another file ({buffer.uri[:40]!r}): not read")
        if len(data) < buffer.byte_length:
            raise BadMesh(f"{len(data):,} of {buffer.byte_length:,} bytes of data: cut short")
        return data

    def _values(self, view: int, at: int, count: int, width: int, item: np.dtype) -> np.ndarray:
        data = self.view(view)
        size = width * item.itemsize
        stride = self._document.buffer_views[view].byte_stride or size
        if count and at + stride * (count - 1) + size > len(data):
            raise BadMesh(f"{count:,} values go beyond the end of buffer view {view}: damaged")
        if count == 0:
            return np.zeros((0, width), item)
        return np.ndarray((count, width), item, data, at, (stride, item.itemsize))


def normalised(values: np.ndarray) -> np.ndarray:
    """Integers as the numbers in [-1, 1] that they stand for."""
    if values.dtype.kind == "f":
        return values
    return np.maximum(values / np.iinfo(values.dtype).max, -1.0)


def component(accessor: Accessor) -> np.dtype:
    """The type of an accessor's numbers."""
    return np.dtype(_KINDS[accessor.component_type])
