"""Small pictures for the page: ends of directions, and the six views."""

from html import escape

import numpy as np
import trimesh
from numpy.typing import NDArray

from hexplane.extraction import is_empty
from hexplane.geometry import frame
from hexplane.geometry.hexplane import Hexplane
from hexplane.geometry.modality import Features
from hexplane.rendering.select import embree
from hexplane.report.pictures import images, views
from hexplane.studio.space import Images

PIXELS = 96
FAR = 0.05
"""Depth error, canonical units, at the upper end of the scale of errors."""
_FRONT = frame.VIEW_NAMES.index("front")


def portrait(mesh: trimesh.Trimesh) -> str:
    """A canonical mesh from the front, as a data URI; a see-through one of an empty mesh."""
    if is_empty(mesh):
        nothing = np.zeros((PIXELS, PIXELS), dtype=bool)
        return images.encode(images._masked(nothing.astype(np.float32), nothing, PIXELS))
    seen = embree().render(mesh, PIXELS, only=_FRONT)
    return images.normal_picture(seen.normal[_FRONT], seen.occupancy[_FRONT], _FRONT)


def ends(low: str, high: str) -> str:
    """HTML: pictures of both ends of a slider."""
    shown = "".join(
        f'<img src="{picture}" width="44" height="44" alt="{words}">'
        for picture, words in ((low, "left end"), (high, "right end"))
    )
    style = "display:flex;justify-content:space-between;padding:0 0.9em;margin-bottom:-0.6em"
    return f'<div style="{style}">{shown}</div>'


def decoded_views(mesh: trimesh.Trimesh, own: Images, resolution: int) -> Images:
    """What a codec decodes of six views; of one that decodes none the views of its mesh."""
    if own or is_empty(mesh):
        return own
    seen = embree().render(mesh, resolution)
    coverage = seen.occupancy.astype(np.float32)
    return {"coverage": coverage, "depth": seen.depth, "normal": seen.normal}


def table(true: Hexplane | None, decoded: Images, features: Features) -> str:
    """HTML: six columns; rows of what went in, what came out, and the difference."""
    rows: dict[str, list[str] | None] = {}
    note = ""
    if true is None:
        rows["decoded"] = _alone(decoded)
        note = "A latent file alone has no original to compare with."
    else:
        known = views.truth(true, {features})
        found = views.shown(features, decoded, known, FAR)
        kind = "normal" if found["normal"]["decoded"] else "binary"
        apart = "depth" if found["depth"]["difference"] else "binary"
        rows["input"] = known.pictures[kind]
        rows["decoded"] = found[kind]["decoded"]
        rows["difference"] = found[apart]["difference"]
        note = found[apart]["note"]
    cells = []
    for name, pictures in rows.items():
        cells.append(f'<div style="grid-column:1/7;font-size:0.75em;opacity:0.7">{name}</div>')
        for view, picture in zip(frame.VIEW_NAMES, pictures or [], strict=False):
            cells.append(
                f'<img src="{picture}" style="width:100%;background:#8882" alt="{name}, {view}" '
                f'title="{view}" data-row="{name}">'
            )
    style = "display:grid;grid-template-columns:repeat(6,1fr);gap:2px;padding:0 0.9em"
    foot = f'<div style="grid-column:1/7;font-size:0.75em">{escape(note)}</div>'
    return f'<div style="{style}">{"".join(cells)}{foot}</div>'


def _alone(decoded: Images) -> list[str]:
    coverage: NDArray[np.float32] = decoded.get("coverage", np.zeros((6, 1, 1), np.float32))
    normal = decoded.get("normal")
    if normal is None:
        return [images.coverage_picture(view) for view in coverage]
    covered = coverage > views.COVERED
    return [images.normal_picture(normal[v], covered[v], v) for v in range(6)]
