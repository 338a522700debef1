"""Silhouettes in space, drawn over the head whose views they are of."""

from dataclasses import dataclass

from hexplane.analysis.study import Study
from hexplane.reconstruction.silhouettes import silhouettes
from hexplane.report.pictures import images
from hexplane.split import in_turn


@dataclass(frozen=True)
class Drawn:
    """A head under its silhouettes.

    Attributes:
        mesh: the head's name.
        uri: the picture.
        polylines: how many closed curves there are.
    """

    mesh: str
    uri: str
    polylines: int


def drawn_silhouettes(study: Study) -> Drawn | None:
    """The first head of the gallery; None where none was taken to a mesh file."""
    results = study.results
    chosen = in_turn(results.settings.groups, results.settings.heads)[:1]
    if not chosen:
        return None
    (mesh,) = chosen
    found = silhouettes(results.hexplane(mesh))
    original = results.original(mesh)
    curves = [own.points for own in found]
    picture = images.curves_picture(curves, original)
    return Drawn(mesh, images.encode(picture), len(found))
