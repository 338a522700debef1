"""Six views of a head as an arm sees them, as it decodes them, and the difference."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hexplane.geometry import frame
from hexplane.geometry.features import dither
from hexplane.geometry.hexplane import Hexplane
from hexplane.geometry.modality import Features
from hexplane.report.pictures import images

Array = NDArray[np.floating]
Mask = NDArray[np.bool_]

COVERED = 0.5
"""Decoded coverage above which a pixel counts as covered."""
STEEPEST = 45.0
"""Angle between normals, degrees, at the upper end of the scale of errors."""
KINDS = {"binary": "Binary", "depth": "Depth", "normal": "Normals"}
_SEEN: dict[Features, tuple[str, ...]] = {
    "occupancy": ("binary",),
    "dithered": ("binary",),
    "depth_normal": ("depth", "normal"),
    "normal": ("normal",),
}
_NONE = "No pixel is covered in input and output."
_VIEWS = range(len(frame.VIEWS))


@dataclass(frozen=True)
class Truth:
    """A head's true views, and their pictures: six PNG data URIs for each kind."""

    hexplane: Hexplane
    spans: list[tuple[float, float]]
    pictures: dict[str, list[str]]


def truth(hexplane: Hexplane, features: set[Features]) -> Truth:
    """Pictures of true views; `dithered` too where some arm's features are that."""
    covered = hexplane.occupancy
    # Input and output share the grey values of a view, so that they can be compared.
    spans = [_span(depth[hit]) for depth, hit in zip(hexplane.depth, covered, strict=True)]
    pictures = {
        "binary": [images.coverage_picture(view) for view in covered],
        "depth": _depths(hexplane.depth, covered, spans),
        "normal": _normals(hexplane.normal, covered),
    }
    if "dithered" in features:
        bits = dither(hexplane.depth)
        pictures["dithered"] = [images.coverage_picture(view) for view in bits]
    return Truth(hexplane, spans, pictures)


def shown(features: Features, decoded: dict[str, Array], true: Truth, far: float) -> dict[str, Any]:
    """What the page shows of an arm's views, by the keys of `KINDS`.

    Args:
        features: the arm's.
        decoded: coverage [6, R, R], depth and normal, where decoded.
        true: the head's true views.
        far: depth error, canonical units, at the upper end of the scale of errors.

    Returns:
        For each kind: `seen`, whether the network is given it; `input`, the key of
        `Truth.pictures`; `decoded` and `difference`, six pictures or None; `note`, a sentence.
    """
    parts: dict[str, Part] = dict.fromkeys(KINDS, (None, None, "This arm decodes no views."))
    if "coverage" in decoded:
        covered = decoded["coverage"] > COVERED
        both = covered & true.hexplane.occupancy
        parts = {
            "binary": _binary(decoded["coverage"], covered, true),
            "depth": _depth(decoded.get("depth"), covered, both, true, far),
            "normal": _normal(decoded.get("normal"), covered, both, true),
        }
    found = {}
    for kind, (ours, difference, note) in parts.items():
        dithered = features == "dithered" and kind == "binary"
        seen = kind in _SEEN[features]
        notes = [note]
        if dithered:
            notes.append("The input is the depth, dithered to one bit a pixel.")
        elif not seen:
            notes.append("This arm is not given these views as such.")
        found[kind] = {
            "seen": seen,
            "input": "dithered" if dithered else kind,
            "decoded": ours,
            "difference": difference,
            "note": " ".join(notes),
        }
    return found


Part = tuple[list[str] | None, list[str] | None, str]


def _binary(coverage: Array, covered: Mask, true: Truth) -> Part:
    theirs = true.hexplane.occupancy
    note = f"Silhouettes overlap by {_overlap(covered, theirs):.3f} (IoU, all views)."
    if not covered.any():
        low, high = float(coverage.min()), float(coverage.max())
        note = f"No pixel is above {COVERED:g}: decoded values run from {low:.2g} to {high:.2g}."
    difference = [images.overlap_picture(covered[view], theirs[view]) for view in _VIEWS]
    return [images.coverage_picture(view) for view in coverage], difference, note


def _depth(depth: Array | None, covered: Mask, both: Mask, true: Truth, far: float) -> Part:
    if depth is None:
        return None, None, "This arm decodes no depth."
    error = 2 * np.abs(depth - true.hexplane.depth)  # depth is in units of the cube's side, 2
    note = f"Mean depth error {error[both].mean():.2g}, canonical units." if both.any() else _NONE
    difference = [images.error_picture(error[view] / far, both[view]) for view in _VIEWS]
    return _depths(depth, covered, true.spans), difference, note


def _normal(normal: Array | None, covered: Mask, both: Mask, true: Truth) -> Part:
    if normal is None:
        return None, None, "This arm decodes no normals."
    length = np.maximum(np.linalg.norm(normal, axis=1), 1e-6)
    cosine = np.einsum("vchw,vchw->vhw", normal, true.hexplane.normal) / length
    angle = np.degrees(np.arccos(cosine.clip(-1, 1)))
    note = f"Mean angle between normals {angle[both].mean():.1f}°." if both.any() else _NONE
    difference = [images.error_picture(angle[view] / STEEPEST, both[view]) for view in _VIEWS]
    return _normals(normal, covered), difference, note


def _depths(depth: Array, covered: Mask, spans: list[tuple[float, float]]) -> list[str]:
    return [images.depth_picture(depth[view], covered[view], spans[view]) for view in _VIEWS]


def _normals(normal: Array, covered: Mask) -> list[str]:
    return [images.normal_picture(normal[view], covered[view], view) for view in _VIEWS]


def _span(depths: Array) -> tuple[float, float]:
    return (float(depths.min()), float(depths.max())) if len(depths) else (0.0, 1.0)


def _overlap(ours: Mask, theirs: Mask) -> float:
    union = (ours | theirs).sum()
    return float((ours & theirs).sum() / union) if union else 1.0
