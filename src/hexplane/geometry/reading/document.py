"""The parts of a glTF 2.0 document that hold geometry, typed; all else in it is passed over.

Source: Khronos Group, glTF 2.0 Specification, chapter 5.
"""

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from hexplane.geometry.reading.surface import BadMesh

Index = Annotated[int, Field(ge=0)]
Extensions = dict[str, Any]


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", allow_inf_nan=False)
    extensions: Extensions = {}


P = TypeVar("P", bound=_Part)


class Buffer(_Part):
    """Bytes: the file's own binary part, or a data URI."""

    byte_length: Index
    uri: str | None = None


class View(_Part):
    """A slice of a buffer."""

    buffer: Index
    byte_offset: Index = 0
    byte_length: Index
    byte_stride: Annotated[int, Field(ge=1, le=252)] | None = None


class SparseIndices(_Part):
    """Which values of an accessor are replaced."""

    buffer_view: Index
    byte_offset: Index = 0
    component_type: Literal[5121, 5123, 5125]


class SparseValues(_Part):
    """What replaces them."""

    buffer_view: Index
    byte_offset: Index = 0


class Sparse(_Part):
    """Values of an accessor that differ from its view, or from 0."""

    count: Index
    indices: SparseIndices
    values: SparseValues


class Accessor(_Part):
    """A typed array in a view."""

    buffer_view: Index | None = None
    byte_offset: Index = 0
    component_type: Literal[5120, 5121, 5122, 5123, 5125, 5126]
    normalized: bool = False
    count: Index
    type: Literal["SCALAR", "VEC2", "VEC3", "VEC4", "MAT2", "MAT3", "MAT4"]
    sparse: Sparse | None = None


class Primitive(_Part):
    """A part of a mesh: points, lines or triangles."""

    attributes: dict[str, Index]
    indices: Index | None = None
    mode: Annotated[int, Field(ge=0, le=6)] = 4
    targets: list[dict[str, Index]] = []


class Mesh(_Part):
    """Parts that a node places together."""

    primitives: list[Primitive]
    weights: list[float] | None = None


class Node(_Part):
    """A place in the scene, relative to its parent."""

    children: list[Index] = []
    mesh: Index | None = None
    skin: Index | None = None
    weights: list[float] | None = None
    matrix: Annotated[list[float], Field(min_length=16, max_length=16)] | None = None
    translation: tuple[float, float, float] = (0.0, 0.0, 0.0)
    rotation: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0)
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)


class Skin(_Part):
    """Nodes that move vertices."""

    joints: list[Index]
    inverse_bind_matrices: Index | None = None


class Scene(_Part):
    """What is shown together."""

    nodes: list[Index] = []


class Draco(_Part):
    """KHR_draco_mesh_compression of a primitive: its data, and the numbers of its attributes."""

    buffer_view: Index
    attributes: dict[str, Index]


class Instancing(_Part):
    """EXT_mesh_gpu_instancing of a node: accessors of TRANSLATION, ROTATION and SCALE."""

    attributes: dict[str, Index]


class Visibility(_Part):
    """KHR_node_visibility of a node."""

    visible: bool = True


class Document(_Part):
    """All of it."""

    extensions_required: list[str] = []
    accessors: list[Accessor] = []
    buffer_views: list[View] = []
    buffers: list[Buffer] = []
    meshes: list[Mesh] = []
    nodes: list[Node] = []
    skins: list[Skin] = []
    scenes: list[Scene] = []
    scene: Index | None = None


def parsed(text: bytes) -> Document:
    """A document from its JSON.

    Raises:
        BadMesh: it is no JSON, or a key has a value that glTF does not allow.
    """
    try:
        values = json.loads(text)
    except RecursionError:
        raise BadMesh("its JSON is nested too deep") from None
    except ValueError:
        raise BadMesh("its JSON is damaged") from None
    return valid(Document, values, "JSON")


def valid(kind: type[P], values: Any, name: str) -> P:
    """A part of the document from its JSON values.

    Raises:
        BadMesh: a key of the part called `name` has a value that glTF does not allow.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or name
        raise BadMesh(f"{key[:80]}: {first['msg'][:1].lower()}{first['msg'][1:]}") from None
