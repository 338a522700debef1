"""New heads beside real ones: measures whose values are known."""

import numpy as np
import pytest
import trimesh

from hexplane.metrics.novelty import (
    Cloud,
    accuracy,
    by_chance,
    cloud,
    coverage,
    distances,
    nearest,
    shares,
    two_samples,
)


def ellipsoid(*sizes: float) -> trimesh.Trimesh:
    mesh = trimesh.creation.icosphere(subdivisions=3)
    mesh.apply_scale(sizes)
    return mesh


def clouds(sizes: np.ndarray, seed: int = 0) -> list[Cloud]:
    rng = np.random.default_rng(seed)
    return [cloud(ellipsoid(*own), rng) for own in sizes]


def family(seed: int, count: int, middle: float = 0.6) -> list[Cloud]:
    """Ellipsoids of three sizes, each of one distribution."""
    return clouds(np.random.default_rng(seed).uniform(middle - 0.2, middle + 0.2, (count, 3)), seed)


def between(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distances of numbers."""
    return np.abs(some[:, None] - others[None])


def nna(some: np.ndarray, others: np.ndarray) -> float:
    return accuracy(between(some, some), between(some, others), between(others, others))


def test_chamfer_distance_of_concentric_spheres_is_that_of_their_radii():
    sizes = np.array([[0.5] * 3, [0.6] * 3, [0.9] * 3])
    found = distances(clouds(sizes), clouds(sizes, seed=1))
    truth = np.abs(sizes[:, :1] - sizes[:, 0])
    apart = truth > 0
    np.testing.assert_allclose(found[apart], truth[apart], atol=0.01)
    assert (found[~apart] < 0.02).all()  # two samples of one sphere
    some = clouds(sizes)
    np.testing.assert_array_equal(distances(some, some), distances(some, [*some]))


def test_half_of_equal_distributions_are_told_apart():
    rng = np.random.default_rng(0)
    found = [nna(*rng.normal(size=(2, 100))) for _ in range(100)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.02)


def test_all_of_distributions_that_are_apart_are():
    one, other = np.random.default_rng(0).normal(size=(2, 50))
    assert nna(one, other + 100) == 1.0


def test_none_of_a_copy_are():
    one = np.random.default_rng(0).normal(size=50)
    assert nna(one, one + 1e-9) == 0.0


def test_a_copy_covers_all_and_one_head_covers_one():
    one = np.random.default_rng(0).normal(size=50)
    assert coverage(between(one, one)) == 1.0
    assert coverage(between(np.full(50, 0.3), one)) == pytest.approx(1 / 50)


def test_sets_of_shapes():
    real = family(0, 12)
    same, far = family(1, 24), family(2, 24, middle=1.2)
    alike, apart = two_samples(same, real), two_samples(far, real)
    assert alike and apart
    assert (alike["size"], alike["sets"]) == (apart["size"], apart["sets"]) == (12, 2)
    assert apart["accuracy"] == apart["accuracy_least"] == 1.0 and apart["coverage"] < 0.3
    assert alike["accuracy_least"] <= alike["accuracy"] <= alike["accuracy_most"] < 0.9
    assert alike["coverage"] > 0.3
    copy = two_samples(real, real)
    assert copy and copy["coverage"] == 1.0
    turned = two_samples(real, same)
    assert turned and turned["accuracy"] == pytest.approx(alike["accuracy"])


def test_chance_is_around_a_half():
    found = by_chance(family(0, 20), family(1, 16))
    assert found and found["size"] == 16
    assert found["accuracy"] == pytest.approx(0.5, abs=0.06)
    assert found["accuracy_least"] < 0.45 and found["accuracy_most"] > 0.55


@pytest.mark.parametrize("count", [0, 1])
def test_sets_of_no_two_heads_say_nothing(count: int):
    some = family(0, 3)
    for measure in (two_samples, by_chance):
        assert measure(some[:count], some) is measure(some, some[:count]) is None


def test_the_nearest_of_many_is_found_and_its_mirror_image_too():
    rng = np.random.default_rng(0)
    heads = family(3, 30)
    lopsided = ellipsoid(0.5, 0.6, 0.7)
    lopsided.vertices[:, 1] += 0.4 * lopsided.vertices[:, 0]
    turned = lopsided.copy()
    turned.vertices[:, 0] *= -1
    turned.invert()
    others = [*heads, cloud(lopsided, rng)]
    asked = [*family(4, 6), cloud(turned, rng), cloud(lopsided, rng)]
    found = nearest(asked, others)
    for own, one in zip(asked, found, strict=True):
        both = np.stack([distances([turn], others)[0] for turn in (own, own.mirrored)])
        assert one.distance == both.min()
        assert both.min(axis=0).argmin() == one.head
    assert [(one.head, one.mirrored) for one in found[-2:]] == [(30, True), (30, False)]
    assert found[-1].distance < 0.02


def test_shares_of_shapes(torus: trimesh.Trimesh):
    ball = ellipsoid(1, 1, 1)
    two = trimesh.util.concatenate([ball, ball.copy().apply_translation([3, 0, 0])])
    opened = ball.submesh([np.arange(len(ball.faces) - 1)], append=True)
    found = shares([ball, torus, two, opened, trimesh.Trimesh()])
    assert found == {"empty": 0.2, "closed": 0.6, "whole": 0.4, "ball": 0.2}
    assert shares([]) is None
