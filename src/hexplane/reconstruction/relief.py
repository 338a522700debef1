"""A view as a solid: all that lies behind its depth, bounded by few polygons."""

from collections.abc import Iterator
from dataclasses import dataclass

import manifold3d
import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hexplane.geometry import frame
from hexplane.reconstruction.clusters import Image, regions, split
from hexplane.reconstruction.outlines import Labels, Line, outlines

STEEPEST = 4.0
"""Pixels of depth a pixel to the side; what is steeper on both sides is the edge between two
surfaces, as networks blur it."""
WELDED = 2.0
"""Pixels of depth within which two regions meet without a wall."""
ROUNDS = 8
"""So often regions are split in two at most."""
FAR = 1.25
"""Depth of a solid's back, in depths of the cube: behind all that other views leave."""


def relief(depth: Image) -> tuple[Image, NDArray[np.int64]]:
    """The solid behind a depth image, as vertices [V, 3] (right, up, toward) and faces [F, 3].

    Pixels are clustered by depth, one region a cluster and connected part, and each region becomes
    polygons between its outlines. While these leave its pixels by more than `clusters.CLOSE`, a
    region is split by the two means of its depths. Regions whose depths agree along an outline are
    joined there, the others by a wall, and so is the background by one down to `FAR`.

    Args:
        depth: [R, R], background 1.
    """
    scaled = np.asarray(depth, dtype=np.float64) * len(depth)  # pixels, as the image's sides
    covered = np.asarray(depth) < frame.BACKGROUND_DEPTH
    surface = _Surface(scaled, covered)
    labels = regions(covered.astype(np.int64))
    made = _triangulated(labels, surface)
    for _ in range(ROUNDS):
        error = np.abs(made.seen(len(depth)) - scaled)
        parts = split(labels, scaled, surface.steady, error)
        if parts is None:
            break
        labels = regions(parts)
        made = _triangulated(labels, surface)
    return made.solid(len(depth))


class _Surface:
    """A depth image in pixels, and how it goes on beyond its pixels."""

    def __init__(self, depth: Image, covered: NDArray[np.bool_]) -> None:
        self.depth, self.covered = depth, covered
        slopes, steep = zip(*(self._slope(axis) for axis in (0, 1)), strict=True)
        self.slopes = np.stack(slopes, axis=-1)
        self.steady = covered & ~(steep[0] | steep[1])

    def _slope(self, axis: int) -> tuple[Image, NDArray[np.bool_]]:
        """The gentler one of the slopes to both neighbours, and whether that is too steep."""
        known = np.where(self.covered, self.depth, np.inf)
        with np.errstate(invalid="ignore"):
            step = np.diff(np.pad(known, 1, constant_values=np.inf), axis=axis)
        step = np.nan_to_num(step, nan=np.inf)
        cut = [slice(1, -1), slice(1, -1)]
        before, after = list(cut), list(cut)
        before[axis], after[axis] = slice(0, -1), slice(1, None)
        both = np.stack([step[tuple(before)], step[tuple(after)]])
        gentler = np.take_along_axis(both, np.abs(both).argmin(axis=0)[None], axis=0)[0]
        lone = ~np.isfinite(gentler)
        gentler = np.where(lone, 0, gentler)
        return gentler.clip(-STEEPEST, STEEPEST), np.abs(gentler) > STEEPEST

    def at(self, points: Image, region: NDArray[np.bool_]) -> Image:
        """Depth [P] at points [P, 2], as a region of the image goes on to there."""
        own = np.argwhere(region & self.steady)
        own = own if len(own) else np.argwhere(region)
        _, nearest = cKDTree(own + 0.5).query(points)
        i, j = own[nearest].T
        away = points - (own[nearest] + 0.5)
        found: Image = self.depth[i, j] + np.einsum("ij,ij->i", self.slopes[i, j], away)
        inside = self.depth[region]
        reach = STEEPEST
        return found.clip(inside.min() - reach, inside.max() + reach)


@dataclass(frozen=True)
class _Relief:
    """Triangulated regions: vertices [V, 3] as row, column and depth in pixels."""

    vertices: Image
    tops: NDArray[np.int64]
    walls: NDArray[np.int64]
    places: NDArray[np.int64]  # of each vertex, the one at the back

    def seen(self, size: int) -> Image:
        """Depth [R, R] of the polygons at the pixels' centres; infinite beside them."""
        scene = EmbreeScene()
        TriangleMesh(scene, self.vertices.astype(np.float32), self.tops.astype(np.int32))
        i, j = np.indices((size, size)).reshape(2, -1) + 0.5
        origins = np.stack([i, j, np.full(len(i), -float(size))], axis=1).astype(np.float32)
        directions = np.zeros_like(origins)
        directions[:, 2] = 1
        hits = scene.run(origins, directions, output=1)
        found = np.where(hits["primID"] >= 0, hits["tfar"] - size, np.inf)
        return np.asarray(found.reshape(size, size), dtype=np.float64)

    def solid(self, size: int) -> tuple[Image, NDArray[np.int64]]:
        """Closed, in the view's own coordinates."""
        row, column, depth = self.vertices.T
        vertices = np.stack(
            [column / size * 2 - 1, 1 - row / size * 2, 1 - 2 * depth / size], axis=1
        )
        backs = self.places[self.tops][:, ::-1]
        return vertices, np.vstack([self.tops, self.walls, backs])


def _triangulated(labels: Labels, surface: _Surface) -> _Relief:
    lines = outlines(labels)
    points = np.unique(np.vstack([line.points for line in lines]), axis=0)
    index = {tuple(point): number for number, point in enumerate(points.tolist())}
    walks = [[index[tuple(point)] for point in line.points.tolist()] for line in lines]
    columns: list[dict[int, float]] = [{} for _ in points]  # depth by region
    for line, walk in zip(lines, walks, strict=True):
        for at in walk:
            columns[at] |= {line.left: 0.0, line.right: 0.0}
    for label in np.unique(labels[labels > 0]).tolist():
        members = [at for at, column in enumerate(columns) if label in column]
        found = surface.at(points[members], labels == label)
        for at, depth in zip(members, found.tolist(), strict=True):
            columns[at][label] = depth
    vertices: list[tuple[float, float, float]] = []
    stacks: list[dict[int, int]] = []  # vertex by region
    for point, column in zip(points.tolist(), columns, strict=True):
        stacks.append(_stack(column, point, len(labels), vertices))
    tops = list(_tops(lines, walks, stacks, points, labels))
    walls = list(_walls(lines, walks, stacks))
    places = np.zeros(len(vertices), dtype=np.int64)
    backs = {}
    for stack in stacks:
        for vertex in stack.values():
            backs[vertex] = stack[0]
    places[list(backs)] = list(backs.values())
    return _Relief(
        np.array(vertices),
        np.array(tops, dtype=np.int64).reshape(-1, 3),
        np.array(walls, dtype=np.int64).reshape(-1, 3),
        places,
    )


def _stack(
    column: dict[int, float],
    point: list[float],
    size: int,
    vertices: list[tuple[float, float, float]],
) -> dict[int, int]:
    """Vertices of all regions at a point, one for depths that agree; 0 is the back."""
    stack: dict[int, int] = {}
    group: list[int] = []
    order = sorted((label for label in column if label), key=lambda label: column[label])
    for label, following in zip(order, [*order[1:], None], strict=True):
        group.append(label)
        if following is None or column[following] - column[group[-1]] > WELDED:
            depth = sum(column[own] for own in group) / len(group)
            stack |= dict.fromkeys(group, len(vertices))
            vertices.append((point[0], point[1], depth))
            group = []
    stack[0] = len(vertices)
    vertices.append((point[0], point[1], FAR * size))
    return stack


def _tops(
    lines: list[Line],
    walks: list[list[int]],
    stacks: list[dict[int, int]],
    points: Image,
    labels: Labels,
) -> Iterator[tuple[int, int, int]]:
    """Triangles of all regions, counter-clockwise as the view sees them."""
    edges: dict[int, list[tuple[int, int]]] = {}
    for line, walk in zip(lines, walks, strict=True):
        for a, b in zip(walk, walk[1:], strict=False):
            edges.setdefault(line.left, []).append((a, b))
            edges.setdefault(line.right, []).append((b, a))
    for label in np.unique(labels[labels > 0]).tolist():
        loops = _loops(edges[label])
        flat = [at for loop in loops for at in loop]
        polygons = [points[loop][:, ::-1] * (1, -1) for loop in loops]
        for corners in manifold3d.triangulate(polygons):
            yield tuple(stacks[flat[corner]][label] for corner in corners)


def _loops(edges: list[tuple[int, int]]) -> list[list[int]]:
    """Closed walks along directed edges."""
    following: dict[int, list[int]] = {}
    for a, b in edges:
        following.setdefault(a, []).append(b)
    loops = []
    while following:
        start = next(iter(following))
        loop, here = [], start
        while True:
            loop.append(here)
            ends = following[here]
            there = ends.pop()
            if not ends:
                del following[here]
            here = there
            if here == start:
                break
        loops.append(loop)
    return loops


def _walls(
    lines: list[Line], walks: list[list[int]], stacks: list[dict[int, int]]
) -> Iterator[tuple[int, int, int]]:
    """Triangles between the depths of two regions along the lines where they do not agree."""
    for line, walk in zip(lines, walks, strict=True):
        for a, b in zip(walk, walk[1:], strict=False):
            # Down the column at a from the left region to the right one, and so at b.
            first = _between(stacks[a], line.left, line.right)
            second = _between(stacks[b], line.left, line.right)
            here = there = 0
            while here + 1 < len(first) or there + 1 < len(second):
                if there + 1 == len(second) or (
                    here + 1 < len(first) and here / len(first) <= there / len(second)
                ):
                    yield second[there], first[here], first[here + 1]
                    here += 1
                else:
                    yield second[there], first[here], second[there + 1]
                    there += 1


def _between(stack: dict[int, int], left: int, right: int) -> list[int]:
    """Vertices of a column from one region's to another's; they are numbered from near to far."""
    a, b = stack[left], stack[right]
    between = {own for own in stack.values() if min(a, b) <= own <= max(a, b)}
    return sorted(between, reverse=a > b)
