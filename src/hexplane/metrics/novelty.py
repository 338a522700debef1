"""How new heads are set beside real ones: as sets of shapes, by Chamfer distance.

Distances are Chamfer-L1 in canonical units, the mean over both ways of how far `ASKED` points of
one surface are from the nearest of `SURFACE` points of the other. Two samples of one surface are at
a distance of about 0.015, not 0: values are for comparing with one another.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

ASKED, SURFACE = 1024, 8192
"""Points that distances are asked at, and that they lead to."""
COARSE, CANDIDATES = 64, 8
"""Points by which the candidates for the nearest head are chosen, and how many of those."""
SPLITS = 200
"""Of real heads into two sets, to see what chance does."""
MIRROR = np.array([-1.0, 1.0, 1.0])

Floats = NDArray[np.float64]


class Cloud(NamedTuple):
    """Points of a surface."""

    asked: Floats  # [ASKED, 3]
    surface: cKDTree  # of [SURFACE, 3]

    @property
    def mirrored(self) -> "Cloud":
        """That of the mirror image."""
        return Cloud(self.asked * MIRROR, cKDTree(self.surface.data * MIRROR))


def cloud(mesh: trimesh.Trimesh, rng: np.random.Generator) -> Cloud:
    """Points of a mesh that has faces."""
    points = np.asarray(trimesh.sample.sample_surface(mesh, ASKED + SURFACE, seed=rng)[0])
    return Cloud(points[:ASKED], cKDTree(points[ASKED:]))


def distances(some: Sequence[Cloud], others: Sequence[Cloud]) -> Floats:
    """Chamfer distances [A, B]."""
    there = _one_way(some, others)
    back = there if some is others else _one_way(others, some)
    return (there + back.T) / 2


def _one_way(some: Sequence[Cloud], others: Sequence[Cloud], points: int = ASKED) -> Floats:
    """Mean distance [A, B] of points of some surfaces to others."""
    if not some or not others:
        return np.zeros((len(some), len(others)))
    asked = np.concatenate([own.asked[:points] for own in some])
    found = [own.surface.query(asked)[0].reshape(len(some), -1).mean(axis=1) for own in others]
    return np.stack(found, axis=1)


class Nearest(NamedTuple):
    """The nearest of some heads."""

    head: int  # its number
    distance: float
    mirrored: bool  # whether it is its mirror image


def nearest(some: Sequence[Cloud], others: Sequence[Cloud]) -> list[Nearest]:
    """The nearest of others, or of their mirror images, to each of some: who has seen a head has
    seen its mirror image.

    Only those are looked at that are nearest by a few points.
    """
    found = []
    for own in some:
        turned = own, own.mirrored
        coarse = _one_way(turned, others, COARSE)
        best = []
        for number in np.argsort(coarse.min(axis=0), kind="stable")[:CANDIDATES].tolist():
            both = distances(turned, [others[number]])[:, 0]
            best.append(Nearest(number, float(both.min()), bool(both[1] < both[0])))
        found.append(min(best, key=lambda one: one.distance))
    return found


def accuracy(within: Floats, between: Floats, others: Floats) -> float:
    """Share of two sets whose nearest neighbour is of their own set (1-NNA).

    Half of them where both are of one distribution, all where the sets are apart, and none where
    one is a copy of the other: Lopez-Paz and Oquab, Revisiting classifier two-sample tests, ICLR
    2017; on shapes: Yang et al., PointFlow, ICCV 2019.

    Args:
        within: distances [N, N] within one set.
        between: from it to the other, [N, N].
        others: within the other, [N, N].
    """
    whole = np.block([[within, between], [between.T, others]])
    np.fill_diagonal(whole, np.inf)
    own = np.arange(len(whole)) < len(within)
    return float((own[whole.argmin(axis=1)] == own).mean())


def coverage(between: Floats) -> float:
    """Share of B heads that are the nearest one to some of A, by distances [A, B].

    Achlioptas et al., Learning representations and generative models for 3D point clouds, ICML
    2018.
    """
    return len(set(between.argmin(axis=1).tolist())) / between.shape[1]


def two_samples(some: Sequence[Cloud], others: Sequence[Cloud]) -> dict[str, Any] | None:
    """1-NNA and coverage of some heads beside others, always of sets of equal size.

    The larger set is cut into as many sets of the smaller one's size as there are. None where one
    has no two heads.

    Returns:
        `size` and `sets`; of `accuracy` and `coverage` the mean, and the least and greatest.
    """
    size = min(len(some), len(others))
    if size < 2:
        return None
    between, found = distances(some, others), []
    whole = distances(others, others) if size == len(others) else None
    own = distances(some, some) if size == len(some) else None
    for first in range(0, len(some) - size + 1, size):
        for second in range(0, len(others) - size + 1, size):
            ours, theirs = slice(first, first + size), slice(second, second + size)
            one = distances(some[ours], some[ours]) if own is None else own
            other = distances(others[theirs], others[theirs]) if whole is None else whole
            part = between[ours, theirs]
            found.append((accuracy(one, part, other), coverage(part)))
    return {"size": size, "sets": len(found), **_spread(np.array(found), (0, 1))}


def by_chance(some: Sequence[Cloud], others: Sequence[Cloud]) -> dict[str, Any] | None:
    """1-NNA and coverage of real heads beside real heads: what chance alone does to them.

    Heads of both sets, as many of each, are mixed and parted `SPLITS` times. None where one has no
    two heads.

    Returns:
        `size` and `sets`; of `accuracy` and `coverage` the mean, and what 95 % are between.
    """
    size = min(len(some), len(others))
    if size < 2:
        return None
    pool = [*some[:size], *others[:size]]
    whole = distances(pool, pool)
    rng = np.random.default_rng(0)
    found = []
    for _ in range(SPLITS):
        one, other = rng.permutation(2 * size).reshape(2, size)
        between = whole[np.ix_(one, other)]
        within = whole[np.ix_(one, one)], whole[np.ix_(other, other)]
        found.append((accuracy(within[0], between, within[1]), coverage(between)))
    return {"size": size, "sets": SPLITS, **_spread(np.array(found), (0.025, 0.975))}


def _spread(found: Floats, ends: tuple[float, float]) -> dict[str, float]:
    """Of accuracies and coverages [N, 2] the means, and their quantiles at both ends."""
    spread: dict[str, float] = {}
    for name, values in zip(("accuracy", "coverage"), found.T, strict=True):
        low, high = np.quantile(values, ends)
        own = {"": values.mean(), "_least": low, "_most": high}
        spread |= {f"{name}{ending}": float(value) for ending, value in own.items()}
    return spread


def shares(meshes: Sequence[trimesh.Trimesh]) -> dict[str, float] | None:
    """Shares of meshes that are empty; closed; closed and of one piece, `whole`; and like a ball
    besides, `ball` (Euler number 2). None of no meshes."""
    if not meshes:
        return None
    facts = np.array([_facts(mesh) for mesh in meshes])
    names = ("empty", "closed", "whole", "ball")
    return dict(zip(names, facts.mean(axis=0).tolist(), strict=True))


def _facts(mesh: trimesh.Trimesh) -> tuple[bool, bool, bool, bool]:
    if not len(mesh.faces):
        return True, False, False, False
    closed = bool(mesh.is_watertight)
    whole = closed and mesh.body_count == 1
    return False, closed, whole, whole and mesh.euler_number == 2
