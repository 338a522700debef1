"""Bottlenecks, network, field, schedule and optimiser against closed forms."""

import math

import numpy as np
import pytest
import torch
from hexplane.model.bottleneck import Deterministic, Gaussian, build_bottleneck
from hexplane.model.field import SignedDistanceField
from hexplane.model.network import INPUT_CHANNELS, HexplaneAutoencoder, patch_size
from torch.distributions import Normal, kl_divergence

from hexplane.geometry import frame
from hexplane.model import optimiser
from hexplane.model.bottlenecks.deterministic_settings import DeterministicSettings
from hexplane.model.bottlenecks.gaussian_settings import GaussianSettings
from hexplane.model.codecs.hexplane_settings import HexplaneSettings
from hexplane.settings.train import TrainingSettings, TrainSettings
from hexplane.training.data import make_heads
from hexplane.training.objective import loss_terms, total_loss
from hexplane.training.schedule import schedule

R = 32
SMALL = HexplaneSettings(widths=(16,), latent_channels=3, latent_resolution=8, field_channels=4)
FEATURES = ["occupancy", "depth_normal", "dithered", "normal"]
LIKELIHOODS = ["fitted", "mse", "learned_sigma"]


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def _network(features, bottleneck=None, spec=SMALL, likelihood="fitted"):
    bottleneck = bottleneck or DeterministicSettings()
    return HexplaneAutoencoder(features, R, spec, bottleneck, likelihood)


def _views(features, count=1):
    return torch.randn(count, 6, INPUT_CHANNELS[features], R, R)


# Bottlenecks


def _statistics(mean: float, log_variance: float, count: int = 1) -> torch.Tensor:
    statistics = torch.empty(count, 6, 2, 1, 1)
    statistics[:, :, 0] = mean
    # The raw value below the smooth bound: 10 tanh(raw / 10) = log_variance.
    statistics[:, :, 1] = 10 * math.atanh(log_variance / 10)
    return statistics


@pytest.mark.parametrize("mean", [0.0, 0.3, -2.0])
@pytest.mark.parametrize("deviation", [1.0, 0.1, 1.7])
def test_rate_is_the_divergence_from_the_standard_normal(mean, deviation):
    rate = Gaussian().rate(_statistics(mean, 2 * math.log(deviation)))
    closed = (mean**2 + deviation**2 - 1) / 2 - math.log(deviation)
    library = kl_divergence(Normal(mean, deviation), Normal(0.0, 1.0)).item()
    assert closed == pytest.approx(library, abs=1e-6)
    assert rate.shape == (1, 6, 1, 1, 1)
    assert rate.flatten().tolist() == pytest.approx([closed] * 6, rel=1e-4, abs=1e-6)


def test_rate_keeps_its_digits_near_the_prior():
    # (e^v - 1 - v) / 2 is v^2 / 4 for small v.
    rate = Gaussian().rate(_statistics(0.0, 1e-3))
    assert rate.flatten()[0].item() == pytest.approx(2.5e-7, rel=1e-2)


def test_rate_and_sample_stay_finite_for_wild_statistics():
    statistics = torch.full((1, 6, 2, 1, 1), 1e4, requires_grad=True)
    bottleneck = Gaussian().train()
    total = bottleneck.rate(statistics).sum() + bottleneck.encode(statistics).sum()
    total.backward()
    assert torch.isfinite(total)
    assert torch.isfinite(statistics.grad).all()


def test_posterior_samples_have_the_posteriors_mean_and_variance():
    statistics = _statistics(0.7, math.log(0.25), count=20_000)
    drawn = Gaussian().train().encode(statistics).flatten()
    assert drawn.mean().item() == pytest.approx(0.7, abs=0.01)
    assert drawn.var().item() == pytest.approx(0.25, abs=0.01)


def test_latent_in_evaluation_is_the_mean():
    statistics = torch.randn(2, 6, 8, 4, 4)
    assert torch.equal(Gaussian().eval().encode(statistics), statistics[:, :, :4])


def test_deterministic_bottleneck_changes_nothing_and_costs_nothing():
    bottleneck, statistics = Deterministic(), torch.randn(2, 6, 3, 4, 4)
    assert torch.equal(bottleneck.decode(bottleneck.encode(statistics)), statistics)
    assert not bottleneck.rate(statistics).any()


def test_bottleneck_of_each_kind():
    assert isinstance(build_bottleneck(DeterministicSettings()), Deterministic)
    assert isinstance(build_bottleneck(GaussianSettings()), Gaussian)


# Network


@pytest.mark.parametrize("bottleneck", [DeterministicSettings(), GaussianSettings()])
@pytest.mark.parametrize(
    ("features", "likelihood", "channels"),
    [
        ("occupancy", "fitted", 1),
        ("occupancy", "mse", 1),
        ("occupancy", "bernoulli", 1),
        ("depth_normal", "fitted", 5),
        ("depth_normal", "learned_sigma", 4),
        ("dithered", "fitted", 2),
        ("dithered", "mse", 1),
        ("normal", "fitted", 4),
        ("normal", "mse", 3),
    ],
)
def test_shapes_and_gradients(features, likelihood, channels, bottleneck):
    network = _network(features, bottleneck, likelihood=likelihood)
    planes, latent, rate = network(_views(features, 2))
    distance = network.signed_distance(planes, torch.rand(2, 11, 3) * 2 - 1)
    assert latent.shape == rate.shape == (2, 6, 3, 8, 8)
    assert planes.values.shape == (2, 6, channels, R, R)
    assert distance.shape == (2, 11)
    shown = network.images(planes)
    assert shown.coverage.shape == (2, 6, R, R)
    assert (shown.coverage >= 0).all()
    assert (shown.coverage <= 1).all()
    if features in ("depth_normal", "dithered"):
        assert shown.depth.shape == (2, 6, R, R)
    else:
        assert shown.depth is None
    if features in ("depth_normal", "normal"):
        assert shown.normal.shape == (2, 6, 3, R, R)
    else:
        assert shown.normal is None
    (planes.values.square().sum() + distance.sum() + rate.sum()).backward()
    assert all(p.grad is not None for p in network.parameters())
    assert network.encoder_head.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_every_parameter_learns_once_the_zeroed_layers_have_moved(likelihood):
    network = _network("depth_normal", GaussianSettings(), likelihood=likelihood)
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.05)
    planes, _, rate = network(_views("depth_normal"))
    points = network.signed_distance(planes, torch.rand(1, 50, 3))
    shown = network.images(planes)
    terms = (shown.coverage, shown.depth, shown.normal[:, :, 0], points, rate)
    sum(term.square().sum() for term in terms).backward()
    assert [name for name, p in network.named_parameters() if not p.grad.any()] == []


def test_untrained_views_show_the_middle_plane_facing_the_camera():
    network = _network("depth_normal").eval()
    shown = network.images(network(_views("depth_normal")).planes)
    assert torch.allclose(shown.depth, torch.tensor(0.5))
    expected = torch.from_numpy(frame.TOWARD).float()[None, :, :, None, None].expand(1, 6, 3, R, R)
    assert torch.allclose(shown.normal, expected, atol=1e-6)


@pytest.mark.parametrize("features", FEATURES)
def test_untrained_plain_views_are_background(features):
    network = _network(features, likelihood="mse").eval()
    shown = network.images(network(_views(features)).planes)
    assert not shown.coverage.any()
    assert shown.depth is None or (shown.depth == frame.BACKGROUND_DEPTH).all()
    assert shown.normal is None or not shown.normal.any()


@pytest.mark.parametrize("features", ["depth_normal", "normal"])
def test_normals_enter_the_network_in_camera_axes(features):
    # One camera-space picture, turned into each view's object axes, gives one latent in all views.
    network = _network(features).eval()
    camera = torch.randn(3, R, R, dtype=torch.float64)
    axes = np.stack([frame.RIGHT, frame.UP, frame.TOWARD], axis=1)  # [6, camera, object]
    turned = torch.einsum("vck,cij->vkij", torch.from_numpy(axes), camera).float()
    views = torch.cat([torch.zeros(6, INPUT_CHANNELS[features] - 3, R, R), turned], dim=1)
    latent = network.encode(views[None])[0]
    assert torch.allclose(latent, latent[:1].expand_as(latent), atol=1e-5)
    assert latent.std() > 1e-3


def test_evaluation_is_deterministic_and_training_of_a_gaussian_is_not():
    network = _network("occupancy", GaussianSettings())
    views = torch.rand(1, 6, 1, R, R)
    network.eval()
    assert torch.equal(network.encode(views), network.encode(views))
    network.train()
    assert not torch.equal(network.encode(views), network.encode(views))


def test_forward_is_encode_then_decode():
    network = _network("depth_normal").eval()
    torch.nn.init.normal_(network.plane_head[1].weight, std=0.1)
    views = _views("depth_normal")
    planes = network(views).planes
    for one, two in zip(planes, network.decode(network.encode(views)), strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize(("widths", "latent", "patch"), [((8,), 8, 4), ((8, 8, 8), 4, 2)])
def test_levels_halve_the_grid(widths, latent, patch):
    spec = HexplaneSettings(widths=widths, latent_resolution=latent, latent_channels=2)
    assert patch_size(R, spec) == patch
    network = _network("occupancy", spec=spec)
    assert network(torch.rand(1, 6, 1, R, R)).latent.shape == (1, 6, 2, latent, latent)


def test_resolution_that_does_not_divide():
    with pytest.raises(ValueError, match=r"32 is no multiple of 24 = latent_resolution 12 \* 2\^1"):
        patch_size(32, HexplaneSettings(widths=(8, 8), latent_resolution=12))


# Field


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


# Schedule


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


# Learning


@pytest.fixture(scope="module")
def head(renderer):
    """One ellipsoid with a bump, at R = 32, as training data."""
    import trimesh

    from hexplane.geometry.distance import signed_distance

    mesh = trimesh.creation.icosphere(3, 1.0)
    mesh.vertices *= [0.5, 0.9, 0.7]
    mesh.vertices += np.exp(-8 * ((mesh.vertices - [0, 0, 0.7]) ** 2).sum(1))[:, None] * [0, 0, 0.2]
    views = renderer.render(mesh, R)
    points = np.random.default_rng(0).uniform(-1, 1, (1000, 3)).astype(np.float32)
    samples = points, signed_distance(points, mesh)
    return lambda features: make_heads([views], [samples], features)


LEARNT = [(features, "fitted") for features in FEATURES] + [
    ("depth_normal", "mse"),
    ("occupancy", "bernoulli"),
]


@pytest.mark.parametrize(("features", "likelihood"), LEARNT)
def test_one_head_is_learnt_in_a_few_dozen_steps(head, features, likelihood):
    spec = TrainSettings(features=features, likelihood=likelihood, model=SMALL)
    network = _network(features, likelihood=likelihood)
    batch = head(features).batch(torch.tensor([0]), torch.arange(500))
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    losses = []
    for _ in range(60):
        losses.append(total_loss(loss_terms(network, spec, batch), spec, 0))
        optimiser.zero_grad()
        losses[-1].backward()
        optimiser.step()
    assert losses[-1].item() < losses[0].item() / 4


def test_batch_is_the_chosen_heads_at_the_chosen_samples(head):
    one = head("depth_normal")
    data = one.batch(torch.tensor([0, 0]), torch.tensor([7, 3]))
    assert torch.equal(data.views, one.views.expand(2, -1, -1, -1, -1))
    assert data.points[1].tolist() == [one.points[0, 7].tolist(), one.points[0, 3].tolist()]
    assert data.distance[0].tolist() == [one.distance[0, 7].item(), one.distance[0, 3].item()]
    assert data.images.normal.shape == (2, 6, 3, R, R)
    assert torch.equal(data.images.depth[1], one.images.depth[0])


def test_kl_term_is_summed_over_dimensions_and_averaged_over_heads(head):
    spec = TrainSettings(features="occupancy", model=SMALL, bottleneck=GaussianSettings())
    network, data = _network("occupancy", spec.bottleneck).eval(), head("occupancy")
    rate = network(data.views).rate.sum()
    for chosen in (torch.tensor([0]), torch.tensor([0, 0])):
        terms = loss_terms(network, spec, data.batch(chosen, torch.arange(5)))
        assert terms["kl"].item() == pytest.approx(rate.item(), rel=1e-5)


# Optimiser


@pytest.mark.parametrize("shape", [(16, 16), (64, 16), (16, 200)])
def test_orthogonalised_matrix_has_singular_values_near_1(shape):
    matrix = torch.randn(shape) * 37
    found = optimiser.orthogonalised(matrix)
    assert found.shape == shape
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    values = torch.linalg.svdvals(found)
    assert values.max() < 1.3
    assert values.median() > 0.6
    # The same singular vectors: U^T X V is diagonal and positive.
    turned = u.T @ found @ v.T
    assert (turned - torch.diag(turned.diagonal())).abs().max() < 1e-3
    assert turned.diagonal().min() > 0


def test_orthogonalised_zero_is_zero():
    assert not optimiser.orthogonalised(torch.zeros(4, 6)).any()


def test_every_parameter_is_in_exactly_one_group_and_moves():
    network = _network("depth_normal", GaussianSettings())
    built = optimiser.build_optimiser(network, 1e-3)
    grouped = [id(p) for group in built.param_groups for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in network.parameters())
    before = [p.detach().clone() for p in network.parameters()]
    for weight in network.parameters():
        weight.grad = torch.randn_like(weight)
    built.step()
    moved = [(p - q).abs().mean().item() for p, q in zip(network.parameters(), before, strict=True)]
    # Adam's first step is the learning rate; the orthogonalised one is scaled to be like it.
    assert all(0.05e-3 < step < 2e-3 for step in moved)


def test_adam_group_is_torchs_adam():
    ours, theirs = (torch.nn.Parameter(torch.ones(5)) for _ in range(2))
    mine = optimiser.Muon([{"params": [ours], "matrix": False}], 0.01)
    reference = torch.optim.Adam([theirs], 0.01, betas=(0.9, 0.95))
    for _ in range(5):
        ours.grad = torch.randn(5)
        theirs.grad = ours.grad.clone()
        mine.step()
        reference.step()
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_adam_for_all_is_torchs_adam_over_every_parameter():
    network = _network("occupancy")
    built = optimiser.build_optimiser(network, 2e-3, "adam")
    assert type(built) is torch.optim.Adam
    before = [p.detach().clone() for p in network.parameters()]
    for weight in network.parameters():
        weight.grad = torch.randn_like(weight)
    built.step()
    for weight, old in zip(network.parameters(), before, strict=True):
        # Adam's first step is the rate against the gradient's sign.
        assert torch.allclose(old - weight, 2e-3 * weight.grad.sign(), rtol=1e-2, atol=1e-6)
