"""Drawn heads as still pictures, each beside the training head that is nearest to it."""

from dataclasses import dataclass

import numpy as np
import trimesh

from hexplane.analysis.novelty import Drawn
from hexplane.analysis.study import Study
from hexplane.report.pictures import images
from hexplane.report.pictures.gallery import Card

MOST_DRAWN = 8
"""Draws of an arm on show: the first ones, whatever they look like."""
MOST_PICTURES = 128


@dataclass(frozen=True)
class Draws:
    """Cards of an arm: a draw, its nearest training head, the next draw, and so on."""

    arm: str
    cards: list[Card]


def draws(study: Study) -> list[Draws]:
    """The first draws of each arm."""
    arms = study.drawn
    most = min(MOST_DRAWN, MOST_PICTURES // max(1, 2 * len(arms)))
    return [Draws(own.arm, _cards(study, own, max(1, most))) for own in arms]


def _cards(study: Study, own: Drawn, most: int) -> list[Card]:
    cards: list[Card] = []
    for number, found in enumerate(own.heads[:most]):
        name = f"draw {number}"
        mesh = study.results.draw_mesh(own.arm, number)
        if mesh is None or found is None:
            cards.append(Card(name, "draw", None, "This draw is empty."))
            continue
        head, mirrored = found
        near = study.results.original(head)
        if mirrored:
            near = _mirrored(near)
        # One scale for both: a draw fills the cube as heads do, or it does not.
        cards.append(Card(name, "draw", images.mesh_picture(mesh, near), ""))
        caption = f"nearest: {head}{', mirrored' if mirrored else ''}"
        cards.append(Card(head, "nearest", images.mesh_picture(near, near), caption))
    return cards


def _mirrored(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    vertices = np.asarray(mesh.vertices) * [-1.0, 1.0, 1.0]
    return trimesh.Trimesh(vertices, mesh.faces[:, ::-1], process=False)
