"""Which backend renders."""

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Protocol

import trimesh

from hexplane.geometry.hexplane import Hexplane
from hexplane.plumbing.errors import UserError
from hexplane.rendering.backends import Backend

INSTALL = (
    "pip install setuptools wheel ninja && pip install --no-build-isolation "
    "git+https://github.com/NVlabs/nvdiffrast.git@v0.4.0"
)
"""nvdiffrast is no registry's package: it is compiled against the torch that is installed."""


class Renderer(Protocol):
    """A backend: first hits of every pixel's ray, as `hexplane.geometry.frame` has it."""

    name: str

    def render(self, mesh: trimesh.Trimesh, resolution: int) -> Hexplane:
        """The hexplane of a mesh that lies in the canonical cube."""
        ...

    def render_many(self, meshes: Sequence[trimesh.Trimesh], resolution: int) -> list[Hexplane]:
        """The hexplanes of several such meshes."""
        ...


def select_backend(backend: Backend) -> Renderer:
    """The renderer that `backend` names.

    `auto` takes nvdiffrast where it, torch and a CUDA device are there, else Embree, and prints
    which to the standard error stream.

    Raises:
        UserError: the backend is not installed, or cannot run on this machine.
    """
    if backend == "embree":
        return _embree()
    missing = _missing()
    if missing is None:
        from hexplane.rendering.nvdiffrast import NvdiffrastRenderer

        renderer: Renderer = NvdiffrastRenderer()
    elif backend == "nvdiffrast":
        reason, remedy = missing
        raise UserError(f"render.backend: {reason}; {remedy}")
    else:
        renderer = _embree()
    if backend == "auto":
        why = f": {missing[0]}" if missing else ""
        print(f"Rendering with {renderer.name}{why}", file=sys.stderr, flush=True)
    return renderer


def _embree() -> Renderer:
    try:
        from hexplane.rendering.embree import EmbreeRenderer
    except ImportError as error:
        raise UserError(
            "render.backend: embree is not installed; run `pip install embreex`"
        ) from error
    return EmbreeRenderer()


def _missing() -> tuple[str, str] | None:
    """Why nvdiffrast cannot render here, and what to do about it; None where it can."""
    # Looked for before torch is imported: that takes longer than rendering a mesh.
    for name in ("nvdiffrast", "torch"):
        if find_spec(name) is None:
            return f"{name} is not installed", f"see envs/cuda.yaml, or run `{INSTALL}`"
    import torch

    if not torch.cuda.is_available():
        return "nvdiffrast needs a CUDA device and torch finds none", "use embree or auto"
    try:
        import nvdiffrast.torch  # noqa: F401 (its compiled part may not fit this torch)
    except ImportError as error:
        first = str(error).splitlines()[0]
        return f"nvdiffrast does not load ({first})", f"build it for this torch: `{INSTALL}`"
    return None
