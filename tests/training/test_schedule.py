"""Learning-rate schedules against their closed forms."""

import pytest

from hexplane.settings.train import TrainingSettings
from hexplane.training.schedule import schedule


def test_learning_rate_rises_and_falls():
    spec = TrainingSettings(steps=100, warmup=0.1)
    factors = [schedule(step, spec) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9] == factors[10] == 1
    assert factors[55] == pytest.approx(0.5)
    assert factors[99] == pytest.approx(1 / 90)
    assert schedule(0, TrainingSettings(steps=1, warmup=0)) > 0


def test_constant_learning_rate_only_rises():
    spec = TrainingSettings(steps=100, warmup=0.1, schedule="constant")
    factors = [schedule(step, spec) for step in range(100)]
    assert factors[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert set(factors[10:]) == {1.0}
