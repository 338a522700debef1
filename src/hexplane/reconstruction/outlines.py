"""Outlines of an image's regions as few lines that neighbouring regions have in common."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapely import LineString

TOLERANCE = 0.5
"""Pixels by which a simplified outline may leave the one between the pixels."""
CORNER = 3
"""Edges of pixels straight on both sides of a corner; beside fewer, a turn is a slope's step."""

Labels = NDArray[np.int64]
Corner = tuple[int, int]
Ways = dict[Corner, list[Corner]]


@dataclass(frozen=True)
class Line:
    """A boundary between two regions.

    Attributes:
        points: [P, 2], rows and columns in pixels from the image's upper left corner on; the last
            one of a closed line is its first.
        left, right: labels of the regions on both sides, as the image is seen and as the line runs.
    """

    points: NDArray[np.float64]
    left: int
    right: int


def outlines(labels: Labels) -> list[Line]:
    """Simplified lines between all regions of an image [R, R]; outside of it is label 0.

    Lines run through the middles between pixels, as marching squares would lay them around each
    region, and end where more than two regions meet. Each is simplified once (Douglas and Peucker,
    Cartographica 1973), so that its two regions keep it in common.
    """
    padded = np.pad(labels, 1)
    ways = _ways(padded)
    nodes = {corner for corner, ends in ways.items() if len(ends) > 2}
    free = {(corner, end) for corner, ends in ways.items() for end in ends}
    walks = [
        _walk(node, end, ways, nodes, free)
        for node in sorted(nodes)
        for end in ways[node]
        if (node, end) in free
    ]
    for corner in ways:
        for end in ways[corner]:
            if (corner, end) in free:
                walks.append(_walk(corner, end, ways, {corner}, free))
    spans = [frozenset((walk[0], walk[-1])) for walk in walks]
    return [
        Line(_simplified(walk, walk[0] in nodes, spans.count(span) > 1), *_sides(walk, padded))
        for walk, span in zip(walks, spans, strict=True)
    ]


def _ways(padded: Labels) -> Ways:
    """Where edges between two regions lead to from each corner of a pixel.

    Corner (i, j) is the upper left one of pixel (i, j), which is (i + 1, j + 1) of the padded ones.
    """
    ways: Ways = {}
    across = [((i, j - 1), (i, j)) for i, j in np.argwhere(np.diff(padded, axis=0)).tolist()]
    down = [((i - 1, j), (i, j)) for i, j in np.argwhere(np.diff(padded, axis=1)).tolist()]
    for start, end in across + down:
        ways.setdefault(start, []).append(end)
        ways.setdefault(end, []).append(start)
    return ways


def _walk(
    start: Corner, end: Corner, ways: Ways, nodes: set[Corner], free: set[tuple[Corner, Corner]]
) -> list[Corner]:
    """Corners from a node to the next one; its edges are free no more."""
    walk = [start, end]
    free -= {(start, end), (end, start)}
    while walk[-1] not in nodes:
        here = walk[-1]
        there = next(own for own in ways[here] if own != walk[-2])
        free -= {(here, there), (there, here)}
        walk.append(there)
    return walk


def _sides(walk: list[Corner], padded: Labels) -> tuple[int, int]:
    """Labels to the left and to the right of a walk's first edge."""
    (i, j), (k, m) = walk[:2]
    if i == k:
        above, below = (int(padded[row, max(j, m)]) for row in (i, i + 1))
        return (above, below) if m > j else (below, above)
    west, east = (int(padded[max(i, k), column]) for column in (j, j + 1))
    return (east, west) if k > i else (west, east)


def _simplified(walk: list[Corner], ends_fixed: bool, twinned: bool) -> NDArray[np.float64]:
    """A walk's points, few of them; one between the same ends as another keeps a middle."""
    closed = walk[0] == walk[-1]
    points = _smoothed(np.array(walk, dtype=np.float64), closed and not ends_fixed)
    if not (closed or twinned):
        return _fewer(points)
    # Closed lines and twins would fall together in one line: each part is simplified by itself.
    cuts = np.unique(np.linspace(0, len(points) - 1, 4 if closed else 3).astype(int))
    parts = [_fewer(points[a : b + 1]) for a, b in zip(cuts, cuts[1:], strict=False)]
    return np.vstack([parts[0], *(part[1:] for part in parts[1:])])


def _fewer(points: NDArray[np.float64]) -> NDArray[np.float64]:
    line = LineString(points).simplify(TOLERANCE, preserve_topology=False)
    return np.array(line.coords, dtype=np.float64)


def _smoothed(corners: NDArray[np.float64], closed: bool) -> NDArray[np.float64]:
    """Middles of the edges instead of their corners, but for sharp corners and fixed ends."""
    middles = (corners[1:] + corners[:-1]) / 2
    steps = np.diff(corners, axis=0)
    run = np.ones(len(steps), dtype=int)  # edges in a row that go the same way
    changes = np.flatnonzero((steps[1:] != steps[:-1]).any(axis=1)) + 1
    pieces = np.split(np.arange(len(steps)), changes)
    for piece in pieces:
        run[piece] = len(piece)
    if closed and len(pieces) > 1 and (steps[0] == steps[-1]).all():
        joined = np.concatenate([pieces[-1], pieces[0]])
        run[joined] = len(joined)
    sharp = np.minimum(run[1:], run[:-1]) >= CORNER
    sharp &= (steps[1:] != steps[:-1]).any(axis=1)
    points = [middles[0]]
    for at, is_sharp in enumerate(sharp, start=1):
        points += [corners[at], middles[at]] if is_sharp else [middles[at]]
    if not closed:
        return np.array([corners[0], *points, corners[-1]])
    turn = min(run[0], run[-1]) >= CORNER and (steps[0] != steps[-1]).any()
    return np.array([corners[0], *points, corners[0]] if turn else [*points, middles[0]])
