"""A generated head's own numbers in code: as near as told, and about as small as they can be."""

import numpy as np
import pytest
from scipy.stats import norm

from hexplane.geometry.heads import draw, parameters
from hexplane.model.parameters import FINEST, pack, unpack

SEEDS = range(12)


@pytest.mark.parametrize("octave", [0, 3, FINEST])
def test_numbers_come_back_within_half_a_step(octave):
    for seed in SEEDS:
        numbers = draw(seed)
        again = unpack(pack(numbers, octave))
        assert np.abs(again - numbers).max() <= 0.5 / 2**octave + 1e-12
        inside = [
            own.limits is None or own.limits[0] <= number <= own.limits[1]
            for own, number in zip(parameters(), again, strict=True)
        ]
        assert all(inside)


def test_numbers_far_out_come_back_as_well():
    numbers = draw(0)
    normal = [own.limits is None for own in parameters()]
    numbers[normal] = 40.0
    assert np.abs(unpack(pack(numbers, 4)) - numbers)[normal].max() <= 1 / 32


@pytest.mark.parametrize("octave", [2, 4, 7])
def test_files_are_about_as_long_as_what_is_drawn_says(octave):
    step = 2.0**-octave
    bits = 0.0
    for own in parameters():
        if own.limits:
            bits += np.log2(max(1, (own.limits[1] - own.limits[0]) / step))
        else:
            edges = (np.arange(-3000, 3001) + 0.5) * step
            shares = np.diff(norm.cdf(edges / own.deviation))
            shares = shares[shares > 0]
            bits -= (shares * np.log2(shares)).sum()
    sizes = [len(pack(draw(seed), octave)) for seed in range(60)]
    # Besides the numbers there are a byte for the step and some for the coder's end.
    assert bits / 8 < np.mean(sizes) < 1.05 * bits / 8 + 6
