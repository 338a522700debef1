"""One head at several file sizes, as still pictures: each arm beside Draco at equal bytes."""

from dataclasses import dataclass

from hexplane.analysis.rates import budgets_shown, within
from hexplane.analysis.study import Study
from hexplane.report.demo import build as demo
from hexplane.report.pictures import images
from hexplane.report.pictures.gallery import Card
from hexplane.report.text import number, size
from hexplane.settings.rates import MEAN
from hexplane.split import in_turn


@dataclass(frozen=True)
class Row:
    """The head's original, and what each method makes of it within a budget."""

    budget: int
    cards: list[Card]


@dataclass(frozen=True)
class Sizes:
    """A head, and its rows from the smallest budget to the largest."""

    mesh: str
    rows: list[Row]


def at_sizes(study: Study) -> Sizes | None:
    """The first test head at the budgets that are shown; None where no sizes were measured."""
    results = study.results
    chosen = in_turn(results.settings.groups, results.settings.heads)[:1]
    if not results.rated or not chosen:
        return None
    (mesh,) = chosen
    rows = [Row(budget, _cards(study, mesh, budget)) for budget in budgets_shown(results)]
    return Sizes(mesh, rows)


def _cards(study: Study, mesh: str, budget: int) -> list[Card]:
    results = study.results
    original = results.original(mesh)
    picture = images.mesh_picture(original, original)
    cards = [Card("original", "original", picture, demo.counts(original))]
    for method, heads in results.rated.items():
        if method == MEAN or mesh not in heads:
            continue
        point = within(results.rate_points[method, mesh], budget)
        if point is None:
            cards.append(Card(method, "method", None, "No file is as small."))
            continue
        chamfer = number(point.metrics["chamfer_l1"], "chamfer_l1")
        caption = f"{size(point.bytes)}, Chamfer-L1 {chamfer}"
        found = results.rate_mesh(method, mesh, budget)
        shown = None if found is None else images.mesh_picture(found, original)
        cards.append(Card(method, "method", shown, caption if found else f"{caption}: empty"))
    return cards
