"""Crops: parts of six views that show one part of the cube."""

import numpy as np
import pytest
import torch

from hexplane.geometry import frame
from hexplane.geometry.hexplane import Hexplane
from hexplane.model.bottlenecks.gaussian_settings import GaussianSettings
from hexplane.model.codec import WHOLE, Cube
from hexplane.model.codecs import build_codec
from hexplane.model.codecs.field import SignedDistanceField
from hexplane.model.codecs.hexplane_settings import HexplaneSettings
from hexplane.settings.train import TrainSettings
from hexplane.training.crops import HALF, cropped, drawn_cube, samples_within
from hexplane.training.data import make_heads

R = 16
CUBE = Cube((0.25, -0.5, 0.125), HALF)


def _places() -> torch.Tensor:
    """Canonical points [1, 6, 3, R, R] under the middle of each view's pixels."""
    points = frame.unproject(np.full((6, R, R), 0.5))
    return torch.from_numpy(points).permute(0, 3, 1, 2)[None]


@pytest.mark.parametrize("centre", [CUBE.centre, (0.0, 0.0, 0.0), (-0.5, 0.5, -0.5)])
def test_views_of_a_crop_show_its_two_axes_and_nothing_else(centre):
    shown = cropped(_places(), Cube(centre, HALF))
    assert shown.shape == (1, 6, 3, R // 2, R // 2)
    offset = (shown[0] - torch.tensor(centre)[:, None, None]).numpy()
    seen = np.abs(frame.TOWARD) == 0  # [6, 3]: axes that lie in the view's image
    for view in range(6):
        assert np.abs(offset[view][seen[view]]).max() == pytest.approx(HALF - 1 / R)


def test_the_whole_cube_is_no_crop():
    assert cropped(_places(), WHOLE).shape == (1, 6, 3, R, R)


def test_crops_are_everywhere_and_keep_to_cells():
    torch.manual_seed(0)
    centres = np.array([drawn_cube(4).centre for _ in range(200)])
    assert np.unique(centres) == pytest.approx([-0.5, 0, 0.5])


def test_samples_lie_inside_and_do_not_depend_on_the_batch():
    torch.manual_seed(0)
    points = torch.rand(3, 500, 3) * 2 - 1
    points[2] = 0.9  # far from the crop
    torch.manual_seed(1)
    chosen = samples_within(points, CUBE, 4000)
    inside = (points - torch.tensor(CUBE.centre)).abs().amax(-1) <= HALF
    assert chosen.shape == (3, 4000)
    for head in (0, 1):
        assert inside[head][chosen[head]].all()
        assert set(chosen[head].tolist()) == set(inside[head].nonzero()[:, 0].tolist())
    assert chosen[2].unique().numel() > 200  # none is inside: any
    torch.manual_seed(1)
    assert torch.equal(samples_within(points[1:2], CUBE, 4000)[0], chosen[1])


def test_the_field_finds_the_same_place_in_a_crop():
    torch.manual_seed(0)
    field = SignedDistanceField(3, 8)
    torch.nn.init.normal_(field.mlp[-1].weight)
    planes = _places().float()
    points = (torch.rand(1, 50, 3) - 0.5) * 0.8 * 2 * HALF + torch.tensor(CUBE.centre)
    whole = field(planes, points)
    part = field(cropped(planes, CUBE), points, CUBE)
    assert torch.allclose(part, whole, atol=1e-5)
    assert not torch.allclose(field(cropped(planes, CUBE), points), whole, atol=1e-3)


SETTINGS = TrainSettings(
    features="occupancy",
    likelihood="mse",
    bottleneck=GaussianSettings(),
    model=HexplaneSettings(widths=(8,), latent_channels=2, latent_resolution=4, field_channels=2),
)


def test_terms_of_a_crop_stand_for_the_whole():
    # Of views that are the same everywhere, but at the border, a quarter tells all.
    torch.manual_seed(0)
    network = build_codec(SETTINGS, 32).eval()
    network.encoder_input[1].weight.data.zero_()  # what is left knows no border
    plane = frame.BACKGROUND_DEPTH * np.ones((6, 32, 32), np.float32)
    empty = Hexplane(plane, np.zeros((6, 3, 32, 32), np.float32))
    samples = np.zeros((9, 3), np.float32), np.ones(9, np.float32)
    heads = make_heads([empty], [samples], "occupancy")
    head, nine = torch.tensor([0]), torch.arange(9)
    whole = network.loss_terms(heads.batch(head, nine), True)
    centre = Cube((0.0, 0.0, 0.0), HALF)
    part = network.loss_terms(heads.batch(head, nine[None], centre), True)
    assert part["kl"].item() == pytest.approx(whole["kl"].item(), rel=1e-5)
    assert part["reconstruction"].item() == pytest.approx(whole["reconstruction"].item(), abs=1e-6)
