"""The GPU backend against the CPU one."""

import trimesh

from benchmarks.speed import ratio, shape
from benchmarks.table import Figure
from hexplane.plumbing.errors import UserError
from hexplane.rendering.select import Renderer, select_backend


def rendering() -> list[Figure]:
    """Six views of 512 x 512 by nvdiffrast against Embree on one core, from mesh to arrays.

    Eight meshes are one call of nvdiffrast, and one after the other for Embree.
    """
    counts = {"one mesh": 1, "eight meshes": 8}
    names = {f"nvdiffrast / Embree, 6 x 512^2, {name}": count for name, count in counts.items()}
    try:
        device = select_backend("nvdiffrast")
    except UserError as error:
        reason = str(error).removeprefix("render.backend: ").split(";")[0]
        return [Figure(name, None, None, note=f"not run: no GPU ({reason})") for name in names]
    solid = shape()

    def render(renderer: Renderer, count: int) -> None:
        # Fresh meshes: nothing that trimesh caches may be had for nothing.
        meshes = [trimesh.Trimesh(solid.vertices, solid.faces, process=False) for _ in range(count)]
        renderer.render_many(meshes, 512)

    figures = []
    for name, count in names.items():
        value, note = ratio(
            lambda count=count: render(device, count),
            lambda count=count: render(select_backend("embree"), count),
        )
        figures.append(Figure(name, value, None, note=note))
    return figures
