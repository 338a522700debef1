"""Which backend renders."""

from typing import Literal, Protocol

import trimesh

from hexplane.errors import UserError
from hexplane.hexplane import Hexplane

Backend = Literal["auto", "embree"]


class Renderer(Protocol):
    """A backend: first hits of every pixel's ray, in the conventions of `hexplane.frame`."""

    name: str

    def render(self, mesh: trimesh.Trimesh, resolution: int) -> Hexplane:
        """The hexplane of a mesh that lies in the canonical cube."""
        ...


def select_backend(backend: Backend) -> Renderer:
    """The renderer that `backend` names; `auto` takes the fastest one at hand.

    Raises:
        UserError: the backend is not installed.
    """
    try:
        from hexplane.render.embree import EmbreeRenderer
    except ImportError as error:
        raise UserError(
            "render.backend: embree is not installed; run `pip install embreex`"
        ) from error
    del backend  # auto and embree are one as long as there is one backend
    return EmbreeRenderer()
