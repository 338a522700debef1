"""The signed-distance term by hand."""

import pytest
import torch

from hexplane.model.codecs.losses import SDF_TRUNCATION, distance_term


def test_distance_term_is_the_mean_difference():
    target = torch.linspace(-0.05, 0.05, 10)[None]
    assert distance_term(target, target).item() == 0
    off = torch.tensor([[0.01, -0.01] * 5])
    assert distance_term(target + off, target).item() == pytest.approx(0.01, rel=1e-4)


def test_distances_beyond_the_truncation_are_only_far():
    far = torch.full((1, 10), 0.5)
    assert distance_term(torch.full((1, 10), SDF_TRUNCATION), far).item() == 0
    wrong_side = distance_term(torch.full((1, 10), -3.0), far)
    assert wrong_side.item() == pytest.approx(2 * SDF_TRUNCATION)
