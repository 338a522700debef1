"""Which backend renders."""

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

import trimesh

from hexplane.geometry.hexplane import Hexplane
from hexplane.plumbing.errors import BUILD_NVDIFFRAST, UserError
from hexplane.rendering.backends import Backend

if TYPE_CHECKING:
    from hexplane.rendering.embree import EmbreeRenderer


class Renderer(Protocol):
    """A backend: first hits of every pixel's ray, as `hexplane.geometry.frame` has it."""

    name: str

    def render(self, mesh: trimesh.Trimesh, resolution: int) -> Hexplane:
        """The hexplane of a mesh that lies in the canonical cube."""
        ...

    def render_many(self, meshes: Sequence[trimesh.Trimesh], resolution: int) -> list[Hexplane]:
        """The hexplanes of several such meshes."""
        ...


class UnavailableError(Exception):
    """Why a backend cannot render here, and what to do about it."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason, self.remedy = reason, remedy


def select_backend(backend: Backend) -> Renderer:
    """The renderer that `backend` names.

    `auto` takes nvdiffrast where it, torch and a CUDA device are there, else Embree, and prints
    which to the standard error stream.

    Raises:
        UserError: the backend is not installed, or cannot run on this machine.
    """
    if backend == "embree":
        return embree()
    why = None
    try:
        renderer = _nvdiffrast()
    except UnavailableError as missing:
        if backend == "nvdiffrast":
            raise UserError(f"render.backend: {missing.reason}; {missing.remedy}") from None
        renderer, why = embree(), missing.reason
    if backend == "auto":
        _say(renderer.name, why)
    return renderer


def _say(name: str, why: str | None) -> None:
    print(
        f"Rendering with {name}" + (f": {why}" if why else ""),
        file=sys.stderr,
        flush=True,
    )


def embree() -> "EmbreeRenderer":
    """The CPU backend.

    Raises:
        UserError: it is not installed.
    """
    try:
        from hexplane.rendering.embree import EmbreeRenderer
    except ImportError as error:
        raise UserError(
            "render.backend: embree is not installed; run `pip install embreex`"
        ) from error
    return EmbreeRenderer()


def _nvdiffrast() -> Renderer:
    """The renderer on a CUDA device.

    Raises:
        UnavailableError: it cannot run here.
    """
    # Looked for before torch is imported: that takes longer than rendering a mesh.
    for name in ("nvdiffrast", "torch"):
        if find_spec(name) is None:
            raise UnavailableError(
                f"{name} is not installed", f"see envs/cuda.yaml, or run `{BUILD_NVDIFFRAST}`"
            )
    import torch

    if not torch.cuda.is_available():
        raise UnavailableError(
            "nvdiffrast needs a CUDA device and torch finds none", "use embree or auto"
        )
    try:
        import nvdiffrast.torch  # noqa: F401 (its compiled part may not fit this torch)
    except ImportError as error:
        raise UnavailableError(
            f"nvdiffrast does not load ({str(error).splitlines()[0]})",
            f"build it for this torch: `{BUILD_NVDIFFRAST}`",
        ) from error
    from hexplane.rendering.nvdiffrast import NvdiffrastRenderer

    return NvdiffrastRenderer()
