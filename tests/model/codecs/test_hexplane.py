"""The hexplane codec: shapes, frames, terms, and that it learns."""

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from hexplane.geometry import frame
from hexplane.geometry.hexplane import Hexplane
from hexplane.geometry.modality import CHANNELS
from hexplane.model.bottlenecks.deterministic_settings import DeterministicSettings
from hexplane.model.bottlenecks.gaussian_settings import GaussianSettings
from hexplane.model.codecs import build_codec
from hexplane.model.codecs.hexplane import HexplaneAutoencoder, patch_size
from hexplane.model.codecs.hexplane_settings import HexplaneSettings
from hexplane.settings.train import TrainingSettings, TrainSettings
from hexplane.training.data import make_heads
from hexplane.training.objective import Objective, total_loss

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
    return torch.randn(count, 6, CHANNELS[features], R, R)


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
    points = torch.rand(2, 11, 3) * 2 - 1
    # At first the surface is everywhere: a loss of near points leads on.
    assert not network.signed_distance(planes, points).any()
    torch.nn.init.normal_(network.field.mlp[-1].weight)
    distance = network.signed_distance(planes, points)
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
    views = torch.cat([torch.zeros(6, CHANNELS[features] - 3, R, R), turned], dim=1)
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
    training = TrainingSettings()
    network = _network(features, likelihood=likelihood)
    batch = head(features).batch(torch.tensor([0]), torch.arange(500))
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    losses = []
    for _ in range(60):
        terms = network.loss_terms(batch, distances=True)
        losses.append(total_loss(terms, network.bottleneck, training, 0))
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
    network, data = _network("occupancy", GaussianSettings()).eval(), head("occupancy")
    rate = network(data.views).rate.sum()
    for chosen in (torch.tensor([0]), torch.tensor([0, 0])):
        terms = network.loss_terms(data.batch(chosen, torch.arange(5)), distances=True)
        assert terms["kl"].item() == pytest.approx(rate.item(), rel=1e-5)


# Terms


@pytest.fixture(scope="module")
def data():
    """Two heads of noise, at R = 16."""
    rng = np.random.default_rng(0)
    heads = [
        Hexplane(
            rng.uniform(0, 1.2, (6, 16, 16)).clip(max=1).astype("f4"),
            rng.normal(size=(6, 3, 16, 16)).astype("f4"),
        )
        for _ in range(2)
    ]
    points = rng.uniform(-1, 1, (2, 30, 3)).astype("f4")
    distance = rng.normal(size=(2, 30)).astype("f4")
    return make_heads(heads, list(zip(points, distance, strict=True)), "depth_normal")


def _spec(**changes) -> TrainSettings:
    spec = TrainSettings(
        model=HexplaneSettings(
            widths=(8,), latent_channels=2, latent_resolution=4, field_channels=2
        ),
        bottleneck=GaussianSettings(),
        likelihood="mse",
    )
    return spec.model_copy(update=changes)


def _batch(data):
    return data.batch(torch.tensor([0, 1]), torch.arange(30))


def test_terms_are_the_likelihoods_the_fields_and_the_rate(data):
    spec, batch = _spec(), _batch(data)
    network = build_codec(spec, 16).eval()
    torch.nn.init.normal_(network.field.mlp[-1].weight, std=0.1)  # it starts at 0
    terms = network.loss_terms(batch, distances=True)
    assert set(terms) == {"reconstruction", "sdf", "kl", "kl_charged"}
    with torch.no_grad():
        mean, log_variance = network.bottleneck.moments(network.statistics(batch.views))
        planes = network.decode(mean)
        distance = network.signed_distance(planes, batch.points)
    posterior = Normal(mean.double(), torch.exp(log_variance.double() / 2))
    truth = kl_divergence(posterior, Normal(0.0, 1.0)).sum() / 2
    assert terms["kl"].item() == pytest.approx(truth.item(), rel=1e-4)
    assert terms["kl_charged"].item() == pytest.approx(terms["kl"].item(), rel=1e-6)
    assert (distance.abs() < 0.1).float().mean() > 0.1 and distance.std() > 0.01
    error = (distance.clamp(-0.1, 0.1) - batch.distance.clamp(-0.1, 0.1)).abs().mean()
    assert terms["sdf"].item() == pytest.approx(error.item(), rel=1e-5)


def test_no_kl_without_a_gaussian(data):
    spec = TrainSettings(model=_spec().model)
    terms = build_codec(spec, 16).loss_terms(_batch(data), distances=True)
    assert set(terms) == {"coverage", "depth", "normal", "sdf"}


def test_a_weight_of_zero_leaves_the_distance_field_out(data, monkeypatch):
    spec = _spec(training=TrainingSettings(sdf_weight=0))
    network = build_codec(spec, 16)
    objective = Objective(network, spec.training)
    monkeypatch.setattr(network, "signed_distance", None)  # would fail, if it were called
    terms = objective(_batch(data))
    assert set(terms) == {"reconstruction", "kl", "kl_charged"}
    total_loss(terms, network.bottleneck, spec.training, 0).backward()
    untouched = {*network.field.parameters(), *network.field_head.parameters()}
    assert {p for p in network.parameters() if p.grad is None} == untouched


# Beta


def _beta(spec: TrainSettings) -> float | None:
    """Of the last step, at R = 16."""
    return build_codec(spec, 16).effective_beta(spec.training.steps)


def test_effective_beta_counts_the_values_of_a_head():
    spec = _spec(bottleneck=GaussianSettings(kl_weight=1e-3, kl_warmup_steps=0))
    values = 6 * 4 * 16 * 16
    assert _beta(spec) == pytest.approx(1e-3 * values / 2)
    assert _beta(spec.model_copy(update={"likelihood": "sse"})) == pytest.approx(1e-3 / 2)
    sigma = spec.model_copy(update={"likelihood": "learned_sigma"})
    assert _beta(sigma) == pytest.approx(1e-3 * values)
    bits = spec.model_copy(update={"likelihood": "bernoulli", "features": "occupancy"})
    assert _beta(bits) == pytest.approx(1e-3 * values / 4)
    assert _beta(spec.model_copy(update={"likelihood": "fitted"})) is None
    assert _beta(TrainSettings(likelihood="mse", model=spec.model)) is None


def test_effective_beta_of_a_training_that_ends_half_way_up_the_ramp():
    ramp = GaussianSettings(kl_initial_weight=0, kl_weight=1e-3, kl_warmup_steps=100)
    spec = _spec(bottleneck=ramp)
    spec = spec.model_copy(update={"training": spec.training.model_copy(update={"steps": 50})})
    assert _beta(spec) == pytest.approx(5e-4 * 6 * 4 * 16 * 16 / 2)
