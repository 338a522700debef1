"""Likelihoods against torch.distributions, numerical minima and closed forms."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from torch.distributions import Bernoulli, Normal

from hexplane.config import parse_config
from hexplane.geometry import frame
from hexplane.geometry.features import network_input
from hexplane.geometry.hexplane import Hexplane
from hexplane.model.bottlenecks.deterministic_settings import DeterministicSettings
from hexplane.model.codecs.hexplane import HexplaneAutoencoder
from hexplane.model.codecs.hexplane_settings import HexplaneSettings
from hexplane.model.images import Images, plain
from hexplane.model.likelihood import LEAST_VARIANCE, build_likelihood
from hexplane.plumbing.errors import UserError

R = 16
FEATURES = ["occupancy", "depth_normal", "dithered", "normal"]
PLAIN_CHANNELS = {"occupancy": 1, "depth_normal": 4, "dithered": 1, "normal": 3}
TOWARD = torch.from_numpy(frame.TOWARD).float()[None, :, :, None, None]
UP = torch.from_numpy(frame.UP).float()[None, :, :, None, None]


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def _truth(features="depth_normal") -> Images:
    """A square at depth 0.3 that faces each camera; the rest is background."""
    coverage = torch.zeros(1, 6, R, R)
    coverage[..., 4:12, 4:12] = 1
    depth = torch.where(coverage > 0, 0.3, 1.0)
    normal = TOWARD * coverage[:, :, None]
    return Images(
        coverage,
        depth if features in ("depth_normal", "dithered") else None,
        normal if features in ("depth_normal", "normal") else None,
    )


def _channels(images: Images) -> np.ndarray:
    """What plain channels should hold, put together by NumPy."""
    parts = []
    if images.depth is not None:
        parts.append(images.depth.numpy()[:, :, None])
    if images.normal is not None:
        parts.append(images.normal.numpy())
    return np.concatenate(parts or [images.coverage.numpy()[:, :, None]], axis=2)


def _sentinel(features) -> torch.Tensor:
    """Plain values of an untrained view's pixel [C, 1, 1]: background."""
    offset = torch.zeros(PLAIN_CHANNELS[features], 1, 1)
    offset[0] = features in ("depth_normal", "dithered")
    return offset


# Fitted


def _values(shown: Images, depth_offset=0.0, confidence=50.0, normal=None):
    """Values that show some images through the fitted likelihood: a logit, depth and normals."""
    parts = [((shown.coverage * 2 - 1) * confidence)[:, :, None]]
    if shown.depth is not None:
        parts.append((shown.depth + depth_offset - 0.5)[:, :, None])
    if shown.normal is not None:
        parts.append((shown.normal if normal is None else normal) - TOWARD)
    return torch.cat(parts, dim=2)


def _fitted(values, targets, features="depth_normal"):
    return build_likelihood("fitted", features).terms(values, targets)


@pytest.mark.parametrize("features", FEATURES)
def test_perfect_fitted_prediction_costs_nothing(features):
    targets = _truth(features)
    terms = _fitted(_values(targets), targets, features)
    expected = {"coverage"}
    expected |= {"depth"} if features in ("depth_normal", "dithered") else set()
    expected |= {"normal"} if features in ("depth_normal", "normal") else set()
    assert set(terms) == expected
    assert all(value.item() == pytest.approx(0, abs=1e-6) for value in terms.values())


def test_known_offsets():
    targets = _truth()
    angle = 0.2
    tilted = (math.cos(angle) * TOWARD + math.sin(angle) * UP).expand_as(targets.normal)
    values = _values(targets, depth_offset=0.02, confidence=0.0, normal=tilted)
    terms = _fitted(values, targets)
    assert terms["coverage"].item() == pytest.approx(math.log(2))
    assert terms["depth"].item() == pytest.approx(0.02, rel=1e-4)  # head-on: cosine 1
    difference = 1 - math.cos(angle) + math.sin(angle)
    assert terms["normal"].item() == pytest.approx(difference, rel=1e-4)


def test_coverage_is_bernoullis_cross_entropy():
    targets = _truth("occupancy")
    logit = 3 * torch.randn(1, 6, 1, R, R)
    terms = _fitted(logit, targets, "occupancy")
    truth = -Bernoulli(logits=logit[:, :, 0]).log_prob(targets.coverage).mean()
    assert terms["coverage"].item() == pytest.approx(truth.item(), rel=1e-5)


def test_depth_error_counts_along_the_normal():
    targets = _truth()
    slanted = torch.tensor([1.0, 1.0, 1.0]) / math.sqrt(3)
    signs = torch.from_numpy(frame.TOWARD.sum(axis=1)).float()  # turned to each camera
    normal = (signs[:, None] * slanted)[None, :, :, None, None] * targets.coverage[:, :, None]
    targets = targets._replace(normal=normal)
    terms = _fitted(_values(targets, 0.02), targets)
    assert terms["depth"].item() == pytest.approx(0.02 / math.sqrt(3), rel=1e-4)
    # Without a normal to go by, the error counts along the ray.
    targets = targets._replace(normal=None)
    terms = _fitted(_values(targets, 0.02), targets, "dithered")
    assert terms["depth"].item() == pytest.approx(0.02, rel=1e-4)


def test_background_depth_and_normal_are_not_charged_when_fitted():
    targets = _truth()
    outside = targets.coverage == 0
    values = _values(targets)
    values[:, :, 1] = values[:, :, 1].masked_fill(outside, -5.0)
    values[:, :, 2:] = values[:, :, 2:].masked_fill(outside[:, :, None], 7.0)
    terms = _fitted(values, targets)
    assert terms["depth"].item() == pytest.approx(0, abs=1e-6)
    assert terms["normal"].item() == pytest.approx(0, abs=1e-6)


def test_nothing_covered_is_no_division_by_zero():
    targets = _truth()
    empty = Images(*(torch.zeros_like(image) for image in targets))
    terms = _fitted(_values(targets), empty)
    assert terms["depth"].item() == terms["normal"].item() == 0


def test_fitted_images_are_what_the_values_were_made_from():
    targets = _truth()
    shown = build_likelihood("fitted", "depth_normal").images(_values(targets, confidence=2.0))
    logistic = 1 / (1 + math.exp(2))
    assert torch.allclose(shown.coverage, targets.coverage.clamp(logistic, 1 - logistic))
    assert torch.allclose(shown.depth, targets.depth, atol=1e-6)
    inside = targets.coverage[:, :, None] > 0
    assert torch.allclose(shown.normal * inside, targets.normal, atol=1e-5)


# Mean squared error


@pytest.mark.parametrize("features", FEATURES)
def test_mse_is_over_all_values_background_included(features):
    targets, likelihood = _truth(features), build_likelihood("mse", features)
    assert likelihood.channels == PLAIN_CHANNELS[features]
    values = torch.randn(1, 6, likelihood.channels, R, R)
    predicted = (values + _sentinel(features)).double().numpy()
    truth = np.mean((predicted - _channels(targets)) ** 2)
    terms = likelihood.terms(values, targets)
    assert list(terms) == ["reconstruction"]
    assert terms["reconstruction"].item() == pytest.approx(truth, rel=1e-5)
    # One value of a background pixel counts as much as any other.
    moved = values.clone()
    moved[0, 2, 0, 0, 0] += 3
    difference = likelihood.terms(moved, targets)["reconstruction"] - terms["reconstruction"]
    error = predicted[0, 2, 0, 0, 0] - _channels(targets)[0, 2, 0, 0, 0]
    assert difference.item() == pytest.approx((6 * error + 9) / values.numel(), rel=1e-3)


@pytest.mark.parametrize(
    ("features", "share"),
    [
        # 64 of 256 pixels are covered: depth is 0.7 off the sentinel there, normals 1 off zero.
        ("occupancy", 1 / 4),
        ("dithered", 0.49 / 4),
        ("normal", 1 / 4 / 3),
        ("depth_normal", (0.49 + 1) / 4 / 4),
    ],
)
def test_untrained_values_predict_background(features, share):
    likelihood = build_likelihood("mse", features)
    zeros = torch.zeros(1, 6, likelihood.channels, R, R)
    term = likelihood.terms(zeros, _truth(features))["reconstruction"]
    assert term.item() == pytest.approx(share, rel=1e-5)


# Betas


def _negative_log(name, values, features, targets):
    """-log p of one head's true values, summed, by torch.distributions."""
    truth = torch.from_numpy(_channels(targets)).double()
    if name == "bernoulli":
        return -Bernoulli(logits=values.double()).log_prob(truth).sum().item()
    mean = values.double() + _sentinel(features).double()

    def total(deviation):
        return -Normal(mean, deviation).log_prob(truth).sum().item()

    if name in ("mse", "sse"):
        return total(1.0)
    best = minimize_scalar(lambda log: total(math.exp(log)), bracket=(-1, 1), tol=1e-10)
    return best.fun


@pytest.mark.parametrize(
    ("name", "features"),
    [
        *((name, features) for name in ("mse", "sse", "learned_sigma") for features in FEATURES),
        ("bernoulli", "occupancy"),
    ],
)
def test_beta_factor_turns_the_term_into_the_log_likelihood(name, features):
    # factor * term = NLL + constant, so that factor * (term + w KL) has beta = factor w.
    likelihood, targets = build_likelihood(name, features), _truth(features)
    one, two = (scale * torch.randn(1, 6, likelihood.channels, R, R) for scale in (0.3, 1.5))
    terms = [likelihood.terms(values, targets)["reconstruction"].item() for values in (one, two)]
    truths = [_negative_log(name, values, features, targets) for values in (one, two)]
    scaled = (terms[1] - terms[0]) * likelihood.beta_factor(one.numel())
    assert scaled == pytest.approx(truths[1] - truths[0], rel=1e-4)


@pytest.mark.parametrize("deviation", [0.05, 0.4, 3.0])
def test_learned_sigma_is_the_least_negative_log_likelihood_a_value(deviation):
    targets = _truth()
    likelihood = build_likelihood("learned_sigma", "depth_normal")
    exact = torch.from_numpy(_channels(targets)) - _sentinel("depth_normal")
    values = exact + deviation * torch.randn_like(exact)
    least = _negative_log("learned_sigma", values, "depth_normal", targets) / values.numel()
    term = likelihood.terms(values, targets)["reconstruction"].item()
    assert term == pytest.approx(least, abs=1e-5)


def test_gradient_of_learned_sigma_is_the_mean_squares_over_twice_its_value():
    targets, gradients, terms = _truth(), {}, {}
    start = 0.3 * torch.randn(1, 6, 4, R, R)
    for name in ("mse", "learned_sigma"):
        values = start.clone().requires_grad_()
        term = build_likelihood(name, "depth_normal").terms(values, targets)["reconstruction"]
        term.backward()
        gradients[name], terms[name] = values.grad, term.item()
    expected = gradients["mse"] / (2 * terms["mse"])
    assert torch.allclose(gradients["learned_sigma"], expected, rtol=1e-4, atol=1e-9)


def test_perfect_fit_has_a_finite_term():
    targets = _truth()
    exact = torch.from_numpy(_channels(targets)) - _sentinel("depth_normal")
    term = build_likelihood("learned_sigma", "depth_normal").terms(exact, targets)
    floor = math.log(2 * math.pi * math.e * LEAST_VARIANCE) / 2
    assert term["reconstruction"].item() == pytest.approx(floor, rel=1e-5)


def test_bernoulli_is_the_librarys_log_probability_a_pixel():
    targets, logit = _truth("occupancy"), 4 * torch.randn(1, 6, 1, R, R)
    likelihood = build_likelihood("bernoulli", "occupancy")
    term = likelihood.terms(logit, targets)["reconstruction"]
    distribution = Bernoulli(logits=logit[:, :, 0])
    assert term.item() == pytest.approx(-distribution.log_prob(targets.coverage).mean().item())
    shown = likelihood.images(logit)
    assert torch.allclose(shown.coverage, distribution.probs)
    assert shown.depth is shown.normal is None


def test_fitted_is_no_likelihood():
    assert build_likelihood("fitted", "depth_normal").beta_factor(1) is None


@pytest.mark.parametrize("features", ["depth_normal", "dithered", "normal"])
def test_bernoulli_is_for_occupancy_alone(features):
    arm = {"features": features, "likelihood": "bernoulli", "bottleneck": {"kind": "gaussian"}}
    with pytest.raises(UserError, match=rf"^arms\.x\.likelihood: .* {features} \(allowed: "):
        parse_config({"arms": {"x": arm}})
    occupancy = parse_config({"arms": {"x": {**arm, "features": "occupancy"}}})
    assert occupancy.arms["x"].likelihood == "bernoulli"


# Images of plain values


def test_plain_channels_are_the_networks_input():
    views = Hexplane(
        np.random.default_rng(0).uniform(0, 0.8, (6, R, R)).astype(np.float32),
        np.random.default_rng(1).normal(size=(6, 3, R, R)).astype(np.float32),
    )
    coverage = torch.from_numpy(views.occupancy.astype(np.float32))[None]
    depth, normal = torch.from_numpy(views.depth)[None], torch.from_numpy(views.normal)[None]
    for features, images in {
        "occupancy": Images(coverage, None, None),
        "depth_normal": Images(coverage, depth, normal),
        "normal": Images(coverage, None, normal),
    }.items():
        assert np.array_equal(plain(images)[0], network_input(views, features)), features
    # What a dithered input should decode to is depth itself.
    assert np.array_equal(plain(Images(coverage, depth, None))[0, :, 0], views.depth)


@pytest.mark.parametrize(
    ("depth", "coverage"),
    [(0.3, 1.0), (0.8, 1.0), (0.85, 0.75), (0.9, 0.5), (0.95, 0.25), (1.0, 0.0), (1.3, 0.0)],
)
@pytest.mark.parametrize("name", ["mse", "learned_sigma"])
def test_coverage_is_read_off_depth(name, depth, coverage):
    values = torch.full((1, 6, 1, 2, 2), depth - 1)
    shown = build_likelihood(name, "dithered").images(values)
    assert torch.allclose(shown.depth, torch.tensor(depth))
    assert torch.allclose(shown.coverage, torch.tensor(coverage), atol=1e-5)


def test_depth_decides_on_coverage_where_there_are_normals_too():
    values = torch.zeros(1, 6, 4, 2, 2)
    values[:, :, 1] = 1.0  # a normal of length 1 on background
    shown = build_likelihood("mse", "depth_normal").images(values)
    assert not shown.coverage.any()


@pytest.mark.parametrize("length", [0.0, 0.3, 0.7, 1.0, 1.4])
def test_coverage_is_the_normals_length_without_depth(length):
    direction = torch.tensor([2.0, -3.0, 6.0]) / 7
    values = (length * direction)[:, None, None].expand(1, 6, 3, 2, 2)
    shown = build_likelihood("mse", "normal").images(values)
    assert shown.depth is None
    assert torch.allclose(shown.coverage, torch.tensor(min(length, 1.0)))
    expected = (direction if length else torch.zeros(3))[:, None, None].expand(1, 6, 3, 2, 2)
    assert torch.allclose(shown.normal, expected, atol=1e-6)


def test_coverage_of_plain_silhouettes_is_the_value_itself():
    values = torch.linspace(-0.5, 1.5, 9).expand(1, 6, 1, 1, 9)
    shown = build_likelihood("mse", "occupancy").images(values)
    expected = [0, 0, 0, 0.25, 0.5, 0.75, 1, 1, 1]
    assert shown.coverage[0, 0, 0].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("features", FEATURES)
def test_exact_values_show_the_truth(features):
    targets = _truth(features)
    values = torch.from_numpy(_channels(targets)) - _sentinel(features)
    shown = build_likelihood("mse", features).images(values)
    assert torch.equal(shown.coverage, targets.coverage)
    for image, truth in zip(shown[1:], targets[1:], strict=True):
        assert (image is None) == (truth is None)
        assert truth is None or torch.allclose(image, truth, atol=1e-6)


@pytest.mark.parametrize("name", ["fitted", "mse", "learned_sigma"])
@pytest.mark.parametrize("features", ["depth_normal", "normal"])
def test_normals_leave_the_network_in_object_axes(name, features):
    spec = HexplaneSettings(widths=(8,), latent_resolution=8, latent_channels=2)
    network = HexplaneAutoencoder(features, R, spec, DeterministicSettings(), name).eval()
    likelihood, patch = network.likelihood, R // 8
    camera = torch.tensor([0.1, -0.4, 0.7])  # right, up, toward
    bias = torch.zeros(likelihood.channels)
    bias[likelihood.normal_channel :] = camera
    with torch.no_grad():
        network.plane_head[1].bias.copy_(bias.repeat_interleave(patch**2))
        shown = network.images(network.decode(torch.randn(1, 6, 2, 8, 8)))
    right, up, toward = camera.tolist()
    # The fitted one starts from a normal that faces the camera.
    toward += name == "fitted"
    object_axes = right * frame.RIGHT + up * frame.UP + toward * frame.TOWARD
    expected = object_axes / np.linalg.norm(object_axes, axis=1, keepdims=True)
    assert np.allclose(shown.normal[0, :, :, 3, 5], expected, atol=1e-6)
    assert torch.allclose(shown.normal, shown.normal[..., :1, :1], atol=1e-6)
