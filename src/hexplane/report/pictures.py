"""What each head looks like: its views as input and as decoded, and its meshes side by side."""

from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from hexplane import frame
from hexplane.render import select_backend
from hexplane.report import images
from hexplane.report.results import Reconstruction, Results
from hexplane.report.verdict import Measure, decisive, measures

MOST_HEADS = 8
MOST_CARDS = 40
"""Arms times heads with pictures: with many arms fewer heads are shown, so the page stays small."""
COVERED = 0.5
"""Decoded coverage above which a pixel counts as covered."""


@dataclass(frozen=True)
class ViewRow:
    """Six pictures of one kind; `name` is the arm, or empty for the input."""

    name: str
    kind: str
    note: str
    pictures: list[str]


@dataclass(frozen=True)
class MeshCard:
    """One mesh, or a sentence that says why there is none."""

    name: str
    role: str
    pictures: tuple[str, str] | None
    caption: str


@dataclass(frozen=True)
class HeadPictures:
    """All pictures of one head."""

    mesh: str
    split: str
    views: list[ViewRow]
    cards: list[MeshCard]


def shown_heads(results: Results) -> list[str]:
    """Heads that get pictures: test, validation and training in turn, held-out ones first."""
    most = max(1, min(MOST_HEADS, MOST_CARDS // max(1, len(results.experiments))))
    parts = [
        [mesh for mesh, part in results.heads.items() if part == wanted]
        for wanted in ("test", "validation", "train")
    ]
    turns = [name for turn in zip_longest(*parts) for name in turn if name is not None]
    chosen = set(turns[:most])
    return [name for part in parts for name in part if name in chosen]


def head_pictures(results: Results, mesh: str) -> HeadPictures:
    """Pictures of one head."""
    return HeadPictures(mesh, results.heads[mesh], _views(results, mesh), _cards(results, mesh))


def _views(results: Results, mesh: str) -> list[ViewRow]:
    truth = results.hexplane(mesh)
    silhouettes = truth.occupancy
    decoded = {arm: results.decoded(arm, mesh) for arm in results.experiments}
    # Input and output share the grey values of a view, so that they can be compared.
    spans = [_span(depth[hit]) for depth, hit in zip(truth.depth, silhouettes, strict=True)]
    rows = [ViewRow("", "silhouette", "", _coverage_row(silhouettes))]
    if any(len(images) > 1 for images in decoded.values()):
        shown = {"depth": truth.depth, "normal": truth.normal}
        rows += _surface_rows("", shown, silhouettes, spans, {})
    for arm, shown in decoded.items():
        coverage = shown["coverage"]
        covered = coverage > COVERED
        overlap = f"silhouette IoU {_overlap(covered, silhouettes):.3f}"
        if len(shown) == 1:
            low, high = float(coverage.min()), float(coverage.max())
            note = overlap if covered.any() else f"no pixel above {COVERED:g}"
            note += f"; values {low:.2g} to {high:.2g}"
            rows.append(ViewRow(arm, "coverage", note, _coverage_row(coverage)))
            continue
        both = covered & silhouettes
        notes = {"depth": "no pixel covered in input and output", "normal": overlap}
        if both.any() and "depth" in shown:
            off = float(np.abs(shown["depth"] - truth.depth)[both].mean()) * 2
            notes["depth"] = f"mean error {off:.2g} canonical units"
        rows += _surface_rows(arm, shown, covered, spans, notes)
    return rows


def _coverage_row(coverage: Any) -> list[str]:
    return [images.coverage_picture(view) for view in coverage]


def _surface_rows(
    name: str,
    shown: dict[str, Any],
    covered: Any,
    spans: list[tuple[float, float]],
    notes: dict[str, str],
) -> list[ViewRow]:
    rows = []
    views = range(len(frame.VIEWS))
    if "normal" in shown:
        normal = shown["normal"]
        shaded = [images.normal_picture(normal[view], covered[view], view) for view in views]
        rows.append(ViewRow(name, "normals, shaded", notes.get("normal", ""), shaded))
    if "depth" in shown:
        depth = shown["depth"]
        greys = [images.depth_picture(depth[view], covered[view], spans[view]) for view in views]
        rows.append(ViewRow(name, "depth", notes.get("depth", "near is light"), greys))
    return rows


def _span(depths: Any) -> tuple[float, float]:
    return (float(depths.min()), float(depths.max())) if len(depths) else (0.0, 1.0)


def _overlap(ours: Any, theirs: Any) -> float:
    union = (ours | theirs).sum()
    return float((ours & theirs).sum() / union) if union else 1.0


def _cards(results: Results, mesh: str) -> list[MeshCard]:
    original = results.original(mesh)
    renderer = select_backend("embree")  # a small picture takes less than a GPU's start-up
    pictures = images.mesh_pictures(original, original, renderer)
    counts = f"{len(original.vertices):,} vertices, {len(original.faces):,} faces"
    cards = [MeshCard("original", "original", pictures, counts)]
    decision = decisive(measures(results))
    for name in (*results.oracles, *results.experiments):
        role = "arm" if name in results.spec.oracles else "oracle"
        found = results.reconstruction(name, mesh)
        if found.mesh is None:
            cards.append(MeshCard(name, role, None, empty_sentence(found)))
            continue
        pictures = images.mesh_pictures(found.mesh, original, renderer)
        cards.append(MeshCard(name, role, pictures, _caption(results.score(name, mesh), decision)))
    return cards


def _caption(metrics: dict[str, Any], decision: Measure) -> str:
    parts = []
    if (f_score := metrics.get(decision.key)) is not None:
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
