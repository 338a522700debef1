"""The solids of workflow/presets/ghosts.yaml: thin parts over one another, or near one another.

    python -m benchmarks.ghosts workflow/ghosts

Of each kind there are six, whose sizes are drawn; each is closed, y-up, and about 2 units large.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import trimesh
from numpy.random import Generator

from hexplane.plumbing.files import write_text

VARIANTS = 6


def solids() -> dict[str, trimesh.Trimesh]:
    """All solids by name: `0-chair`, `0-corners` and so on, variants of a kind apart."""
    found = {}
    for variant in range(VARIANTS):
        for number, (kind, make) in enumerate(KINDS.items()):
            rng = np.random.default_rng([variant, number])
            found[f"{variant}-{kind}"] = trimesh.boolean.union(make(rng), engine="manifold")
    return found


def chair(rng: Generator) -> list[trimesh.Trimesh]:
    """Four legs below a seat, and a back: the near leg hides the far one, in four views."""
    thick, half, seat = rng.uniform(0.1, 0.16), rng.uniform(0.4, 0.6), rng.uniform(-0.2, 0.2)
    legs = [
        _box((x - thick / 2, -0.9, z - thick / 2), (x + thick / 2, seat, z + thick / 2))
        for x in (-half, half)
        for z in (-half, half)
    ]
    side = half + thick / 2
    back = _box((-side, seat, -side), (side, 0.9, -side + thick))
    return [*legs, _box((-side, seat - thick, -side), (side, seat, side)), back]


def corners(rng: Generator) -> list[trimesh.Trimesh]:
    """Three cubes around an empty place that all three pairs of views have a cube before."""
    low, high = rng.uniform(-0.6, -0.4, 3), rng.uniform(0.3, 0.6, 3)
    turned = rng.random(3) < 0.5
    near, far = np.where(turned, high, low), np.where(turned, low, high)
    half = rng.uniform(0.15, 0.25)
    centres = [np.where(np.eye(3)[axis] > 0, far, near) for axis in range(3)]
    return [_box(centre - half, centre + half) for centre in centres]


def ear(rng: Generator) -> list[trimesh.Trimesh]:
    """A head of an ellipsoid, and a thin plate close to each side of it, held in the middle."""
    thick, gap, size = rng.uniform(0.08, 0.12), rng.uniform(0.1, 0.2), rng.uniform(0.2, 0.35)
    half = np.array([0.5, 0.85, rng.uniform(0.55, 0.7)])
    head = trimesh.creation.icosphere(2)
    head.vertices = head.vertices * half
    parts, middle = [head], rng.uniform(-0.2, 0.2)
    for side in (-1, 1):
        ends = sorted(side * (half[0] + gap + own) for own in (0.0, thick))
        low, high = (ends[0], middle - size, -size), (ends[1], middle + size, size)
        stem = sorted(side * own for own in (0.2, half[0] + gap + thick / 2))
        parts += [
            _box(low, high),
            _box((stem[0], middle - 0.08, -0.08), (stem[1], middle + 0.08, 0.08)),
        ]
    return parts


def plates(rng: Generator) -> list[trimesh.Trimesh]:
    """Two thin plates over one another along one of the three axes."""
    thick, gap, middle = rng.uniform(0.08, 0.14), rng.uniform(0.15, 0.5), rng.uniform(-0.3, 0.3)
    half = rng.uniform(0.5, 0.9, 2)
    axis = int(rng.integers(3))
    found = []
    for start in (middle - gap / 2 - thick, middle + gap / 2):
        low, high = np.insert(-half, axis, start), np.insert(half, axis, start + thick)
        found.append(_box(low, high))
    return found


KINDS: dict[str, Callable[[Generator], list[trimesh.Trimesh]]] = {
    "chair": chair,
    "corners": corners,
    "ear": ear,
    "plates": plates,
}


def text_of(solid: trimesh.Trimesh) -> str:
    """OBJ with four decimals."""
    lines = [f"v {x:.4f} {y:.4f} {z:.4f}" for x, y, z in solid.vertices]
    lines += [f"f {a} {b} {c}" for a, b, c in solid.faces + 1]
    return "\n".join(lines) + "\n"


def _box(low: Sequence[float], high: Sequence[float]) -> trimesh.Trimesh:
    return trimesh.creation.box(bounds=[low, high])


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, solid in solids().items():
        write_text(folder / f"{name}.obj", text_of(solid))
