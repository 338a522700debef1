"""Meshes of a head side by side, as still pictures: for print, and for a first overview."""

from dataclasses import dataclass

from PIL import Image

from hexplane.analysis.study import Study
from hexplane.report.demo import build as demo
from hexplane.report.pictures import images
from hexplane.split import in_turn

MOST_CARDS = 72
"""Meshes on show; with many arms fewer heads are, so that the page stays small."""
MOST_HEADS = 8


@dataclass(frozen=True)
class Card:
    """One mesh, or a sentence that says why there is none."""

    name: str
    role: str
    picture: Image.Image | None
    caption: str

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return images.encode(self.picture) if self.picture else ""


@dataclass(frozen=True)
class Shelf:
    """All cards of one head."""

    mesh: str
    split: str
    cards: list[Card]


def shelves(study: Study) -> list[Shelf]:
    """Original, oracles and arms of the first heads of the demo's order."""
    results = study.results
    a_head = 1 + len(results.oracles) + len(results.arms)
    most = max(1, min(MOST_HEADS, MOST_CARDS // a_head))
    chosen = in_turn(results.settings.groups, results.settings.heads)[:most]
    return [Shelf(mesh, results.heads[mesh], _cards(study, mesh)) for mesh in chosen]


def _cards(study: Study, mesh: str) -> list[Card]:
    results = study.results
    original = results.original(mesh)
    picture = images.mesh_picture(original, original)
    cards = [Card("original", "original", picture, demo.counts(original))]
    for name in (*results.oracles, *results.arms):
        role = "arm" if name in results.settings.oracles else "oracle"
        found = results.reconstruction(name, mesh)
        if found.mesh is None:
            cards.append(Card(name, role, None, demo.empty_sentence(found)))
            continue
        picture = images.mesh_picture(found.mesh, original)
        cards.append(
            Card(name, role, picture, demo.caption(results.score(name, mesh), study.decision))
        )
    return cards
