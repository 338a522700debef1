"""The triplane codec: its planes and their frame, the field on their sum, and that it learns."""

import numpy as np
import pytest
import torch
import trimesh
from pydantic import ValidationError

from hexplane.extraction import extract, signed
from hexplane.geometry import frame
from hexplane.geometry.distance import signed_distance
from hexplane.geometry.features import network_input
from hexplane.geometry.modality import CHANNELS
from hexplane.model import bottlenecks, codecs
from hexplane.model.codecs import build_codec
from hexplane.model.codecs.plane_field import PlaneField
from hexplane.model.codecs.triplane import TriplaneAutoencoder, paired
from hexplane.model.codecs.triplane_settings import TriplaneSettings
from hexplane.model.codecs.unet import UNet
from hexplane.settings.extract import ExtractionSection
from hexplane.settings.train import TrainSettings
from hexplane.training.data import make_heads

R = 32
SMALL = TriplaneSettings(
    widths=(16,),
    latent_channels=3,
    latent_resolution=8,
    plane_channels=8,
    plane_resolution=16,
    unet_depth=3,
    field_blocks=2,
)
FEATURES = ["occupancy", "depth_normal", "dithered", "normal"]


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def _network(features="depth_normal", bottleneck="deterministic", model=SMALL):
    chosen = bottlenecks.KINDS[bottleneck]()
    return TriplaneAutoencoder(features, R, model, chosen)


# Views as planes


def test_opposite_views_lie_on_one_plane(renderer, marker):
    # Of one solid, opposite silhouettes are mirror images: once turned they are equal.
    views = renderer.render(marker, R)
    planes = paired(torch.from_numpy(network_input(views, "occupancy"))[None], None, None)[0]
    assert planes.shape == (3, 2, R, R)
    assert torch.equal(planes[:, 0], planes[:, 1])
    assert torch.equal(planes[:, 0], torch.from_numpy(views.occupancy[::2]).float())
    assert planes.any(dim=(1, 2, 3)).all()


def test_a_pair_says_where_the_solid_begins_and_ends(renderer, sphere):
    # Depth from both sides: their sum is 1 minus half the chord, known of a sphere.
    views = network_input(renderer.render(sphere, R), "depth_normal")
    axes = _network().axes
    planes = paired(torch.from_numpy(views)[None], 1, axes)[0]
    right, up = frame.pixel_centres(R)
    chord = 2 * np.sqrt((0.8**2 - right[None] ** 2 - up[:, None] ** 2).clip(min=0))
    inside = chord > 0.5
    for plane in planes.numpy():
        assert plane.shape == (8, R, R)
        assert np.allclose((plane[0] + plane[4])[inside], 1 - chord[inside] / 2, atol=2e-3)
        # Normals in the first camera's axes: outwards in the image, away from it on the far side.
        expected = np.stack(np.broadcast_arrays(right[None], up[:, None], chord / 2)) / 0.8
        assert np.allclose(plane[1:4][:, inside], expected[:, inside], atol=0.03)
        expected[2] *= -1
        assert np.allclose(plane[5:8][:, inside], expected[:, inside], atol=0.03)


# The field


@pytest.mark.parametrize("plane", range(3))
def test_field_reads_each_plane_where_the_point_projects(plane):
    field = PlaneField(channels=2, width=8, blocks=1)
    values = torch.zeros(1, 3, 2, R, R)
    values[:, plane] = torch.randn(2, R, R)
    rng = np.random.default_rng(plane)
    rows, columns = rng.integers(0, R, (2, 40))
    right, up = (columns + 0.5) / R * 2 - 1, 1 - (rows + 0.5) / R * 2
    along = np.stack([right, up, rng.uniform(-1, 1, 40)], axis=1)
    view = 2 * plane
    points = along @ np.array([frame.RIGHT[view], frame.UP[view], frame.TOWARD[view]])
    got = field.sampled(values, torch.from_numpy(points).float()[None])[0]
    assert torch.allclose(got, values[0, plane][:, rows, columns].T, atol=1e-4)


def test_field_reads_the_sum_of_the_planes():
    field = PlaneField(channels=2, width=8, blocks=1)
    values, points = torch.randn(2, 3, 2, R, R), torch.rand(2, 30, 3) * 2 - 1
    apart = []
    for plane in range(3):
        alone = torch.zeros_like(values)
        alone[:, plane] = values[:, plane]
        apart.append(field.sampled(alone, points))
    assert torch.allclose(field.sampled(values, points), sum(apart), atol=1e-5)


# The network


@pytest.mark.parametrize("bottleneck", sorted(bottlenecks.KINDS))
@pytest.mark.parametrize("features", FEATURES)
def test_shapes_and_gradients(features, bottleneck):
    network = _network(features, bottleneck)
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.05)  # layers that begin at 0 pass no gradient
    views = torch.randn(2, 6, CHANNELS[features], R, R)
    statistics = network.statistics(views)
    latent = network.bottleneck.encode(statistics)
    planes = network.decode(latent)
    distance = network.signed_distance(planes, torch.rand(2, 11, 3) * 2 - 1)
    assert latent.shape == (2, 3, 3, 8, 8) == (2, *network.latent_shape)
    assert planes.shape == (2, 3, 8, 16, 16)
    assert distance.shape == (2, 11)
    (distance.sum() + network.bottleneck.rate(statistics).sum()).backward()
    learned = {name: p for name, p in network.named_parameters() if p.requires_grad}
    idle = [name for name, p in learned.items() if p.grad is None or not p.grad.any()]
    assert [name for name in idle if not name.startswith("bottleneck.")] == []


@pytest.mark.parametrize("bottleneck", sorted(bottlenecks.KINDS))
def test_a_latents_bytes_bring_it_back(bottleneck):
    network = _network(bottleneck=bottleneck).eval()
    with torch.no_grad():
        latent = network.encode(torch.randn(1, 6, 4, R, R))[0]
    assert torch.equal(network.from_layers(network.layers(latent)), latent)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_unet_keeps_the_shape_and_sees_farther_with_depth(depth):
    net = UNet(8, depth)
    for weight in net.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    images = torch.zeros(1, 8, 64, 64)
    images[:, :, 32, 32] = 1
    with torch.no_grad():
        changed = (net(images) - net(torch.zeros_like(images))).abs().sum(dim=1)[0] > 0
    assert changed.shape == (64, 64)
    reach = int((changed.nonzero() - 32).abs().max())
    assert reach == 2 if depth == 1 else 2**depth < reach < 2 ** (depth + 3)


# Learning


@pytest.fixture(scope="module")
def ellipsoid():
    """Half-axes of an ellipsoid with its centre off the cube's."""
    mesh = trimesh.creation.icosphere(3, 1.0)
    mesh.vertices = mesh.vertices * [0.4, 0.7, 0.5] + [0.2, -0.1, 0.15]
    return mesh


def test_one_head_is_learnt_and_its_mesh_lies_where_the_head_is(renderer, ellipsoid):
    rng = np.random.default_rng(0)
    near = ellipsoid.sample(3000, seed=0) + rng.normal(0, 0.03, (3000, 3))
    points = np.concatenate([near, rng.uniform(-1, 1, (1000, 3))]).astype(np.float32)
    samples = points, signed_distance(points, ellipsoid)
    heads = make_heads([renderer.render(ellipsoid, R)], [samples], "depth_normal")
    network = _network()
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    losses = []
    for _ in range(120):
        batch = heads.batch(torch.tensor([0]), torch.from_numpy(rng.integers(0, 4000, 500)))
        terms = network.loss_terms(batch, distances=True)
        assert set(terms) == {"sdf"}
        losses.append(terms["sdf"])
        optimiser.zero_grad()
        losses[-1].backward()
        optimiser.step()
    assert losses[-1].item() < losses[0].item() / 4
    with torch.no_grad():
        network.eval()
        field = network.grid(network.decode(network.encode(heads.views)), R)
    mesh = extract(signed(field), ExtractionSection(resolution=R)).mesh
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(ellipsoid.volume, rel=0.15)  # outwards: not negative
    assert abs(mesh.bounds - ellipsoid.bounds).max() < 0.1


def test_it_decodes_no_views():
    network = _network()
    with pytest.raises(NotImplementedError, match="decodes no views"):
        network.images(network.decode(torch.zeros(1, *network.latent_shape)))


# Settings


@pytest.mark.parametrize("kind", sorted(codecs.KINDS))
def test_settings_know_whether_a_codec_decodes_views(kind):
    settings = TrainSettings(model=codecs.KINDS[kind]())
    assert build_codec(settings, 128).decodes_images == settings.model.decodes_images


def test_sizes_that_do_not_fit():
    assert SMALL.misfit(R) == ""
    assert "render.resolution 36" in SMALL.misfit(36)
    with pytest.raises(ValueError, match="latent_resolution"):
        TriplaneAutoencoder("normal", 36, SMALL, bottlenecks.KINDS["deterministic"]())
    with pytest.raises(ValidationError, match="plane_resolution 20 is no multiple of 8"):
        TriplaneSettings(plane_resolution=20)


@pytest.mark.parametrize(
    ("training", "says"),
    [
        ({"sdf_weight": 0}, "sdf_weight 0 leaves model.kind triplane nothing to learn"),
        ({"snapshots": [3]}, "snapshots show views, and model.kind triplane decodes none"),
    ],
)
def test_it_learns_from_signed_distances_alone(training, says):
    with pytest.raises(ValidationError, match=says):
        TrainSettings.model_validate({"model": {"kind": "triplane"}, "training": training})
