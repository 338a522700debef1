"""The signed-distance field reads the planes where points project."""

import numpy as np
import pytest
import torch

from hexplane.geometry import frame
from hexplane.model.codecs.field import SignedDistanceField

R = 32


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


class _ReadOut(torch.nn.Module):
    """In the place of the MLP: one of its inputs."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def forward(self, inputs):
        return inputs[..., self.index : self.index + 1]


@pytest.mark.parametrize("view", range(6))
def test_field_reads_each_view_where_the_point_projects(view):
    field = SignedDistanceField(channels=2, width=8)
    features = torch.randn(1, 6, 2, R, R)
    rng = np.random.default_rng(view)
    rows, columns = rng.integers(0, R, (2, 40))
    # A point anywhere on the ray through the centre of pixel (row, column).
    right, up = (columns + 0.5) / R * 2 - 1, 1 - (rows + 0.5) / R * 2
    along = np.stack([right, up, rng.uniform(-1, 1, 40)], axis=1)
    points = along @ np.array([frame.RIGHT[view], frame.UP[view], frame.TOWARD[view]])
    for channel in range(2):
        field.mlp = _ReadOut(2 * view + channel)
        got = field(features, torch.from_numpy(points).float()[None])[0]
        assert torch.allclose(got, features[0, view, channel, rows, columns], atol=1e-4)


def test_field_sees_the_point_itself():
    field = SignedDistanceField(channels=2, width=8)
    points = torch.rand(1, 5, 3)
    field.mlp = _ReadOut(13)
    assert torch.equal(field(torch.zeros(1, 6, 2, 4, 4), points), points[..., 1])
