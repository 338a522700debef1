"""Distance to the nearest of some meshes."""

import numpy as np
import pytest
import trimesh

from hexplane.metrics.nearest import nearest


def _ball(radius, at=0.0):
    ball = trimesh.creation.icosphere(4, radius)
    ball.apply_translation([at, 0, 0])
    return ball


def test_distance_of_balls_is_that_of_their_radii_to_the_nearest():
    found = nearest([_ball(0.5), _ball(0.9), _ball(0.3)], [_ball(0.4), _ball(0.8)], 5000, seed=0)
    assert found == pytest.approx([0.1, 0.1, 0.1], abs=0.01)


def test_more_samples_than_needed_and_seeds_change_little():
    first, second = (nearest([_ball(0.5)], [_ball(0.5, 0.2)], 10**6, seed) for seed in (0, 1))
    assert first == pytest.approx(second, rel=0.02)
    assert np.isclose(first[0], 0.1, atol=0.02)
