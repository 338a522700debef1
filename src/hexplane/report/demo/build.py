"""The data of the demo: heads with their meshes and views, as many as the page has room for."""

from dataclasses import dataclass
from typing import Any

from hexplane.analysis.study import Study
from hexplane.metrics.table import Metric, thresholds_of
from hexplane.report.demo import screen
from hexplane.report.pictures import views
from hexplane.report.web.scripts import json_text
from hexplane.results import Reconstruction, Results
from hexplane.split import in_turn

FACES = 6000
"""Faces of a mesh on the screen."""
FEWEST_FACES = 1500
ALL_FACES = 150_000
"""Faces of all meshes of one head: with many arms each gets fewer."""
HEADS_BYTES = 9_500_000
"""Heads are added as long as their data stay below this; the first one always has its place."""
BLENDS_BYTES = 2_500_000


@dataclass(frozen=True)
class Demo:
    """JSON of each head that has its place, and the names of those that have none."""

    heads: dict[str, str]
    left_out: list[str]
    far: float


@dataclass(frozen=True)
class Blends:
    """JSON of the meshes between two heads by arm; arms without a place; and the two heads."""

    arms: dict[str, str]
    left_out: list[str]
    heads: list[str]


def far_end(columns: list[Metric]) -> float:
    """Upper end of the scale of distances: twice the coarsest threshold of the F-scores."""
    thresholds = thresholds_of([column.name for column in columns])
    return 2 * thresholds[-1] if thresholds else 1.0


def build(study: Study) -> Demo:
    """Pack heads until the budget is spent.

    Raises:
        UserError: a file of a head is missing or cannot be read.
    """
    results, far = study.results, far_end(study.columns)
    found: dict[str, str] = {}
    spent = 0
    waiting = in_turn(results.settings.groups, results.settings.heads)
    while waiting:
        # Heads are about equally large: one that does not fit ends it.
        if found and spent + spent / len(found) > HEADS_BYTES:
            break
        mesh = waiting.pop(0)
        found[mesh] = json_text(_head(results, mesh, far, study.decision))
        spent += len(found[mesh])
    return Demo(found, waiting, far)


def _head(results: Results, mesh: str, far: float, decision: Metric | None) -> dict[str, Any]:
    original = results.original(mesh)
    faces = max(FEWEST_FACES, min(FACES, ALL_FACES // (len(results.arms) + 1)))
    chosen = results.settings.config["arms"]
    features = {arm: chosen[arm]["features"] for arm in results.arms}
    true = views.truth(results.hexplane(mesh), set(features.values()))
    arms = {}
    for arm in results.arms:
        made = results.reconstruction(arm, mesh)
        solid = made.mesh
        arms[arm] = {
            "mesh": None if solid is None else screen.pack(solid, faces, original, far),
            "says": empty_sentence(made)
            if solid is None
            else caption(results.score(arm, mesh), decision),
            "views": views.shown(features[arm], results.decoded(arm, mesh), true, far),
        }
    return {
        "mesh": screen.pack(original, faces),
        "says": counts(original),
        "views": true.pictures,
        "arms": arms,
    }


def blends(results: Results) -> Blends:
    """Pack the meshes between two heads, arm after arm, until the budget is spent."""
    found: dict[str, str] = {}
    spent = 0
    waiting = list(results.arms) if results.settings.interpolated else []
    while waiting and (not found or spent + spent / len(found) <= BLENDS_BYTES):
        arm = waiting.pop(0)
        steps = [
            {
                "mesh": None if made.mesh is None else screen.pack(made.mesh, FACES),
                "says": empty_sentence(made) if made.mesh is None else counts(made.mesh),
            }
            for made in results.interpolation(arm)
        ]
        found[arm] = json_text(steps)
        spent += len(found[arm])
    return Blends(found, waiting, results.settings.interpolated)


def counts(mesh: Any) -> str:
    """How large a mesh is before it is made small for the screen."""
    return f"{len(mesh.vertices):,} vertices, {len(mesh.faces):,} faces"


def caption(metrics: dict[str, Any], decision: Metric | None) -> str:
    """The scores of one reconstruction in a line."""
    parts = []
    if decision and (f_score := metrics.get(decision.name)) is not None:
        parts.append(f"{decision.label} {f_score:.3f}")
    if (chamfer := metrics.get("chamfer_l1")) is not None:
        parts.append(f"Chamfer {chamfer:.4f}")
    if (iou := metrics.get("iou")) is not None:
        parts.append(f"IoU {iou:.3f}")
    if metrics.get("watertight") is False:
        parts.append("not watertight")
    return ", ".join(parts)


def empty_sentence(found: Reconstruction) -> str:
    """Why there is no mesh, in one plain sentence."""
    low, high, level = found.field_min, found.field_max, found.level
    if low is None or high is None:
        return f"The mesh is empty: the decoded field has no surface at level {level:g}."
    span = f"the decoded field runs from {low:.3g} to {high:.3g}"
    if low < level < high:
        return f"The mesh is empty, although {span}, across level {level:g}."
    return f"The mesh is empty: {span} and never crosses level {level:g}."
