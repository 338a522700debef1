"""Bottlenecks, network, field, losses, schedule and optimiser against closed forms."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from hexplane import frame
from hexplane.model import optimiser
from hexplane.model.bottleneck import Deterministic, Gaussian, build_bottleneck
from hexplane.model.field import SignedDistanceField
from hexplane.model.losses import SDF_TRUNCATION, Targets, reconstruction_terms
from hexplane.model.network import HexplaneAutoencoder, Planes, patch_size
from hexplane.specs.model import DeterministicSpec, GaussianSpec, ModelSpec
from hexplane.specs.train import TrainingSpec, TrainSpec
from hexplane.training.data import Heads
from hexplane.training.loop import kl_weight, loss_terms, total_loss
from hexplane.training.schedule import schedule

R = 32
SMALL = ModelSpec(widths=(16,), latent_channels=3, latent_resolution=8, field_channels=4)
FEATURES = ["occupancy", "depth_normal"]
CHANNELS = {"occupancy": 1, "depth_normal": 4}


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def _network(features, bottleneck=None, spec=SMALL):
    bottleneck = bottleneck or DeterministicSpec()
    return HexplaneAutoencoder(features, R, spec, bottleneck)


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
    assert isinstance(build_bottleneck(DeterministicSpec()), Deterministic)
    assert isinstance(build_bottleneck(GaussianSpec()), Gaussian)


# Network


@pytest.mark.parametrize("bottleneck", [DeterministicSpec(), GaussianSpec()])
@pytest.mark.parametrize("features", FEATURES)
def test_shapes_and_gradients(features, bottleneck):
    network = _network(features, bottleneck)
    views = torch.randn(2, 6, CHANNELS[features], R, R)
    planes, latent, rate = network(views)
    distance = network.signed_distance(planes, torch.rand(2, 11, 3) * 2 - 1)
    assert latent.shape == rate.shape == (2, 6, 3, 8, 8)
    assert planes.coverage_logit.shape == (2, 6, R, R)
    assert distance.shape == (2, 11)
    total = planes.coverage_logit.square().sum() + distance.sum() + rate.sum()
    if features == "occupancy":
        assert planes.depth is None
        assert planes.normal is None
    else:
        assert planes.depth.shape == (2, 6, R, R)
        assert planes.normal.shape == (2, 6, 3, R, R)
        assert torch.allclose(planes.normal.norm(dim=2), torch.ones(2, 6, R, R), atol=1e-5)
        total = total + planes.depth.sum() + planes.normal[:, :, 0].sum()
    total.backward()
    assert all(p.grad is not None for p in network.parameters())
    assert network.encoder_head.weight.grad.abs().sum() > 0


def test_every_parameter_learns_once_the_zeroed_layers_have_moved():
    network = _network("depth_normal", GaussianSpec())
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.05)
    planes, _, rate = network(torch.randn(1, 6, 4, R, R))
    points = network.signed_distance(planes, torch.rand(1, 50, 3))
    terms = (planes.coverage_logit, planes.depth, planes.normal[:, :, 0], points, rate)
    sum(term.square().sum() for term in terms).backward()
    assert [name for name, p in network.named_parameters() if not p.grad.any()] == []


def test_untrained_views_show_the_middle_plane_facing_the_camera():
    planes = _network("depth_normal").eval()(torch.randn(1, 6, 4, R, R)).planes
    assert torch.allclose(planes.depth, torch.tensor(0.5))
    expected = torch.from_numpy(frame.TOWARD).float()[None, :, :, None, None].expand(1, 6, 3, R, R)
    assert torch.allclose(planes.normal, expected, atol=1e-6)


def test_normals_enter_the_network_in_camera_axes():
    # One camera-space picture, turned into each view's object axes, gives one latent in all views.
    network = _network("depth_normal").eval()
    camera = torch.randn(3, R, R, dtype=torch.float64)
    axes = np.stack([frame.RIGHT, frame.UP, frame.TOWARD], axis=1)  # [6, camera, object]
    turned = torch.einsum("vck,cij->vkij", torch.from_numpy(axes), camera).float()
    views = torch.cat([torch.zeros(6, 1, R, R), turned], dim=1)
    latent = network.encode(views[None])[0]
    assert torch.allclose(latent, latent[:1].expand_as(latent), atol=1e-5)
    assert latent.std() > 1e-3


def test_evaluation_is_deterministic_and_training_of_a_gaussian_is_not():
    network = _network("occupancy", GaussianSpec())
    views = torch.rand(1, 6, 1, R, R)
    network.eval()
    assert torch.equal(network.encode(views), network.encode(views))
    network.train()
    assert not torch.equal(network.encode(views), network.encode(views))


def test_forward_is_encode_then_decode():
    network = _network("depth_normal").eval()
    torch.nn.init.normal_(network.plane_head[1].weight, std=0.1)
    views = torch.randn(1, 6, 4, R, R)
    planes = network(views).planes
    for one, two in zip(planes, network.decode(network.encode(views)), strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize(("widths", "latent", "patch"), [((8,), 8, 4), ((8, 8, 8), 4, 2)])
def test_levels_halve_the_grid(widths, latent, patch):
    spec = ModelSpec(widths=widths, latent_resolution=latent, latent_channels=2)
    assert patch_size(R, spec) == patch
    network = _network("occupancy", spec=spec)
    assert network(torch.rand(1, 6, 1, R, R)).latent.shape == (1, 6, 2, latent, latent)


def test_resolution_that_does_not_divide():
    with pytest.raises(ValueError, match=r"32 is no multiple of 24 = latent_resolution 12 \* 2\^1"):
        patch_size(32, ModelSpec(widths=(8, 8), latent_resolution=12))


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


# Losses


def _truth(points: int = 10):
    coverage = torch.zeros(1, 6, R, R)
    coverage[..., 8:24, 8:24] = 1
    depth = torch.where(coverage > 0, 0.3, 1.0)
    toward = torch.from_numpy(frame.TOWARD).float()
    normal = toward[None, :, :, None, None] * coverage[:, :, None]
    return Targets(coverage, depth, normal, torch.linspace(-0.05, 0.05, points)[None])


def _planes(targets, depth_offset=0.0, confidence=50.0):
    logit = (targets.coverage * 2 - 1) * confidence
    return Planes(logit, targets.depth + depth_offset, targets.normal, torch.zeros(1))


def test_perfect_prediction_costs_nothing():
    targets = _truth()
    terms = reconstruction_terms(_planes(targets), targets.distance, targets)
    assert set(terms) == {"coverage", "depth", "normal", "sdf"}
    assert all(value.item() == pytest.approx(0, abs=1e-6) for value in terms.values())


def test_known_offsets():
    targets = _truth()
    planes = _planes(targets, depth_offset=0.02, confidence=0.0)
    planes = planes._replace(normal=targets.normal + 0.1)
    terms = reconstruction_terms(planes, targets.distance + 0.01, targets)
    assert terms["coverage"].item() == pytest.approx(math.log(2))
    assert terms["depth"].item() == pytest.approx(0.02, rel=1e-4)  # head-on: cosine 1
    assert terms["normal"].item() == pytest.approx(0.3, rel=1e-4)
    assert terms["sdf"].item() == pytest.approx(0.01, rel=1e-4)


def test_depth_error_counts_along_the_normal():
    targets = _truth()
    slanted = torch.tensor([1.0, 1.0, 1.0]) / math.sqrt(3)
    signs = torch.from_numpy(frame.TOWARD.sum(axis=1)).float()  # turned to each camera
    normal = (signs[:, None] * slanted)[None, :, :, None, None] * targets.coverage[:, :, None]
    targets = targets._replace(normal=normal)
    terms = reconstruction_terms(_planes(targets, 0.02), targets.distance, targets)
    assert terms["depth"].item() == pytest.approx(0.02 / math.sqrt(3), rel=1e-4)


def test_background_depth_and_normal_are_not_charged():
    targets = _truth()
    outside = targets.coverage == 0
    planes = _planes(targets)
    planes = planes._replace(
        depth=planes.depth.masked_fill(outside, -5.0),
        normal=planes.normal.masked_fill(outside[:, :, None], 7.0),
    )
    terms = reconstruction_terms(planes, targets.distance, targets)
    assert terms["depth"].item() == terms["normal"].item() == 0


def test_distances_beyond_the_truncation_are_only_far():
    targets = _truth()._replace(distance=torch.full((1, 10), 0.5))
    terms = reconstruction_terms(_planes(targets), torch.full((1, 10), SDF_TRUNCATION), targets)
    assert terms["sdf"].item() == 0
    terms = reconstruction_terms(_planes(targets), torch.full((1, 10), -3.0), targets)
    assert terms["sdf"].item() == pytest.approx(2 * SDF_TRUNCATION)


def test_occupancy_has_no_depth_terms():
    full = _truth()
    targets = full._replace(depth=None, normal=None)
    planes = Planes(full.coverage * 100 - 50, None, None, torch.zeros(1))
    assert set(reconstruction_terms(planes, full.distance, targets)) == {"coverage", "sdf"}


# Weights over the training


GAUSSIAN = GaussianSpec(kl_initial_weight=1e-6, kl_weight=1e-4, kl_warmup_steps=100, kl_cap=50.0)


def test_kl_weight_ramps_linearly():
    spec = TrainSpec(bottleneck=GAUSSIAN)
    weights = [kl_weight(spec, step) for step in (0, 50, 100, 1000)]
    assert weights == pytest.approx([1e-6, 5.05e-5, 1e-4, 1e-4])
    at_once = GAUSSIAN.model_copy(update={"kl_warmup_steps": 0})
    assert kl_weight(TrainSpec(bottleneck=at_once), 0) == pytest.approx(1e-4)
    assert kl_weight(TrainSpec(), 1000) == 0


def test_total_is_the_weighted_sum_and_the_kl_is_capped_hard():
    training = TrainingSpec(coverage_weight=1, depth_weight=2, normal_weight=3, sdf_weight=4)
    terms = {name: torch.tensor(1.0) for name in ("coverage", "depth", "normal", "sdf")}
    assert total_loss(terms, TrainSpec(training=training), 0).item() == pytest.approx(10)
    spec = TrainSpec(training=training, bottleneck=GAUSSIAN)
    kl = torch.tensor(40.0, requires_grad=True)
    assert total_loss({**terms, "kl": kl}, spec, 100).item() == pytest.approx(10 + 40e-4)
    kl = torch.tensor(60.0, requires_grad=True)
    loss = total_loss({**terms, "kl": kl}, spec, 100)
    assert loss.item() == pytest.approx(10 + 50e-4)
    loss.backward()
    assert kl.grad.item() == 0


def test_learning_rate_rises_and_falls():
    spec = TrainingSpec(steps=100, warmup=0.1)
    factors = [schedule(step, spec) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9] == factors[10] == 1
    assert factors[55] == pytest.approx(0.5)
    assert factors[99] == pytest.approx(1 / 90)
    assert schedule(0, TrainingSpec(steps=1, warmup=0)) > 0


# Learning


@pytest.fixture(scope="module")
def head(renderer):
    """One ellipsoid with a bump, at R = 32, as training data."""
    import trimesh

    from hexplane.distance import signed_distance
    from hexplane.features import network_input

    mesh = trimesh.creation.icosphere(3, 1.0)
    mesh.vertices *= [0.5, 0.9, 0.7]
    mesh.vertices += np.exp(-8 * ((mesh.vertices - [0, 0, 0.7]) ** 2).sum(1))[:, None] * [0, 0, 0.2]
    views = renderer.render(mesh, R)
    points = np.random.default_rng(0).uniform(-1, 1, (1000, 3)).astype(np.float32)

    def heads(features):
        arrays = (
            network_input(views, features),
            views.occupancy.astype(np.float32),
            views.depth,
            views.normal,
            points,
            signed_distance(points, mesh),
        )
        return Heads(*(torch.from_numpy(array)[None] for array in arrays))

    return heads


@pytest.mark.parametrize("features", FEATURES)
def test_one_head_is_learnt_in_a_few_dozen_steps(head, features):
    spec = TrainSpec(features=features, model=SMALL)
    network, data = _network(features), head(features)
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    losses = []
    for _ in range(60):
        terms = loss_terms(network, spec, data, torch.tensor([0]), torch.arange(500))
        losses.append(total_loss(terms, spec, 0))
        optimiser.zero_grad()
        losses[-1].backward()
        optimiser.step()
    assert losses[-1].item() < losses[0].item() / 4


def test_kl_term_is_summed_over_dimensions_and_averaged_over_heads(head):
    spec = TrainSpec(features="occupancy", model=SMALL, bottleneck=GaussianSpec())
    network, data = _network("occupancy", spec.bottleneck).eval(), head("occupancy")
    rate = network(data.views).rate.sum()
    for chosen in (torch.tensor([0]), torch.tensor([0, 0])):
        terms = loss_terms(network, spec, data, chosen, torch.arange(5))
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
    network = _network("depth_normal", GaussianSpec())
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
