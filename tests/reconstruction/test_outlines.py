"""Outlines between regions: shared, few, and where they belong."""

import numpy as np
import pytest

from hexplane.reconstruction.outlines import outlines


def _disc(size: int, radius: float) -> np.ndarray:
    i, j = np.indices((size, size)) + 0.5 - size / 2
    return (np.hypot(i, j) < radius).astype(np.int64)


def _area(points: np.ndarray) -> float:
    rows, columns = points.T
    return 0.5 * abs(float((rows[:-1] * columns[1:] - rows[1:] * columns[:-1]).sum()))


def test_a_rectangle_keeps_its_corners_and_nothing_else() -> None:
    labels = np.zeros((20, 20), np.int64)
    labels[3:12, 5:17] = 1
    (line,) = outlines(labels)
    corners = {tuple(point) for point in line.points.tolist()}
    assert {(3, 5), (3, 17), (12, 5), (12, 17)} <= corners
    assert _area(line.points) == 9 * 12
    assert {line.left, line.right} == {0, 1}


@pytest.mark.parametrize("radius", [12.3, 25.0, 47.6])
def test_a_disc_is_within_a_pixel_in_few_points(radius: float) -> None:
    (line,) = outlines(_disc(100, radius))
    distances = np.hypot(*(line.points - 50).T)
    assert np.abs(distances - radius).max() < 1
    assert len(line.points) < 6 * np.sqrt(radius) + 20
    assert _area(line.points) == pytest.approx(np.pi * radius**2, rel=0.03)


def test_three_regions_meet_in_points_that_all_have() -> None:
    labels = np.zeros((30, 30), np.int64)
    labels[5:25, 5:25] = 1
    labels[5:15, 15:25] = 2
    lines = outlines(labels)
    assert sorted(tuple(sorted((own.left, own.right))) for own in lines) == [(0, 1), (0, 2), (1, 2)]
    ends = {tuple(end) for own in lines for end in (own.points[0], own.points[-1])}
    assert ends == {(5, 15), (15, 25)}


def test_holes_have_outlines_of_their_own() -> None:
    labels = _disc(60, 25) - _disc(60, 10)
    assert len(outlines(labels)) == 2


@pytest.mark.parametrize("seed", range(5))
def test_each_region_has_a_closed_outline_whatever_the_image(seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 4, (12, 12))
    for label in range(1, 4):
        balance: dict[tuple[float, float], int] = {}
        for own in outlines(labels):
            for side, sign in ((own.left, 1), (own.right, -1)):
                if side == label:
                    first, last = (tuple(end) for end in (own.points[0], own.points[-1]))
                    balance[first] = balance.get(first, 0) + sign
                    balance[last] = balance.get(last, 0) - sign
        assert not any(balance.values())
