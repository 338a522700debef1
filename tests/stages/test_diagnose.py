"""The diagnose stage on small trained networks: what it says against NumPy and the models."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from safetensors.torch import load_file, save_file

from hexplane.decoding import Decoded
from hexplane.extraction import Extraction, ScalarField
from hexplane.geometry.features import network_input
from hexplane.geometry.meshes import normalise
from hexplane.geometry.writing import write_mesh
from hexplane.model.bottlenecks.fsq_settings import FsqSettings
from hexplane.model.bottlenecks.gaussian_settings import GaussianSettings
from hexplane.model.bottlenecks.kind import BottleneckSettings
from hexplane.model.bottlenecks.noise_settings import NoiseSettings
from hexplane.model.codecs.hexplane_settings import HexplaneSettings
from hexplane.model.saved import load_model
from hexplane.plumbing.digests import digest
from hexplane.plumbing.files import write_json
from hexplane.settings.diagnose import DiagnoseSettings
from hexplane.settings.distances import DistancesSettings
from hexplane.settings.render import RenderSettings
from hexplane.settings.train import TrainingSettings, TrainSettings
from hexplane.stages import diagnose, distances, render, train
from hexplane.store import read_hexplane
from support.project import TINY, bump

NAMES = ("a", "b", "c")
R = TINY["render"]["resolution"]
GAUSSIAN = GaussianSettings(kl_weight=1e-4, kl_warmup_steps=0)
DIAGNOSE = DiagnoseSettings(
    heads={"train": ["a", "b"], "held_out": ["c"]},
    inputs=["a", "b"],
    resolution=24,
    samples=200,
    thresholds=[0.05],
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three rendered and sampled shapes."""
    folder = tmp_path_factory.mktemp("diagnose")
    for seed, name in enumerate(NAMES):
        mesh = folder / f"meshes/{name}.ply"
        shape = bump(seed)
        shape.apply_scale([1, 1, 1 - 0.2 * seed])
        shape, _ = normalise(shape, "y")
        mesh.parent.mkdir(exist_ok=True)
        write_mesh(shape, mesh)
        render.run(mesh, folder / f"hexplanes/{name}.zarr", RenderSettings(resolution=R))
        distances.run(mesh, folder / f"sdf/{name}.zarr", DistancesSettings(near=30, uniform=10))
    return folder


def _diagnosed(data: Path, name: str, spec: DiagnoseSettings = DIAGNOSE, **settings) -> dict:
    """Diagnostics of a network trained for two steps on heads a and b."""
    trained = TrainSettings(
        model=HexplaneSettings.model_validate(TINY["model"]),
        training=TrainingSettings(steps=2, sdf_points=20),
        **settings,
    )
    model = data / f"models/{name}"
    split = data / "split.json"
    write_json(split, {"train": ["a", "b"]})
    folders = {part: data / part for part in ("hexplanes", "sdf")}
    train.run(model, split, trained, state=data / "state", **folders)
    output = data / f"diagnostics/{name}.json"
    diagnose.run(model, output, spec, meshes=data / "meshes", **folders)
    return json.loads(output.read_text())


def _plain(data: Path, name: str, features: str) -> np.ndarray:
    return network_input(read_hexplane(data / f"hexplanes/{name}.zarr"), features).astype("f8")


def test_only_gaussian_likelihoods_have_a_predicted_rate(data: Path) -> None:
    found = {
        likelihood: _diagnosed(
            data, likelihood, features="occupancy", likelihood=likelihood, bottleneck=GAUSSIAN
        )
        for likelihood in ("fitted", "mse", "learned_sigma", "bernoulli")
    }
    values = 6 * R**2
    betas = {name: run["effective_beta"] for name, run in found.items()}
    assert betas.pop("fitted") is None
    halves = {"mse": 0.5, "learned_sigma": 1.0, "bernoulli": 1.0}
    assert betas == pytest.approx({name: 1e-4 * values * half for name, half in halves.items()})
    # Two heads at +-x about their mean: one direction, whose eigenvalue is |x|^2.
    one, two = (_plain(data, name, "occupancy") for name in ("a", "b"))
    eigenvalue = ((one - two) ** 2).sum() / 4
    sigma = found["learned_sigma"]
    # Nats a value are log(sigma sqrt(2 pi e)).
    reconstruction = sigma["groups"]["train"]["terms"]["reconstruction"]
    deviation = math.exp(reconstruction) / math.sqrt(2 * math.pi * math.e)
    for likelihood, variance in (("mse", 1.0), ("learned_sigma", deviation**2)):
        run = found[likelihood]
        assert run["inputs_spectrum"] == pytest.approx([eigenvalue, 0], rel=1e-4, abs=1e-3)
        ratio = eigenvalue / (betas[likelihood] * variance)
        assert run["predicted_kl"] == pytest.approx(math.log(ratio) / 2, rel=1e-4)
        assert run["predicted_active"] == 1
    for likelihood in ("fitted", "bernoulli"):
        assert found[likelihood]["predicted_kl"] is None
        assert found[likelihood]["predicted_active"] is None
    for run in found.values():
        assert run["groups"]["train"]["kl"] > 0


def test_small_numbers_are_themselves_again_afterwards(data: Path) -> None:
    # Where they are taken for 0, scipy's trees of some meshes end in a segmentation fault.
    _diagnosed(data, "small", features="occupancy", likelihood="mse", bottleneck=GAUSSIAN)
    smallest = np.full(1, np.finfo(np.float64).smallest_normal)
    assert (smallest / 4 > 0).all()


def test_no_finite_rate_is_predicted_without_a_charge(data: Path) -> None:
    free = GaussianSettings(kl_weight=0, kl_initial_weight=0)
    found = _diagnosed(data, "free", features="occupancy", likelihood="mse", bottleneck=free)
    assert found["effective_beta"] == 0
    assert found["predicted_kl"] is None
    assert found["predicted_active"] == 1


def test_groups_hold_what_their_heads_and_latent_allow(data: Path) -> None:
    found = _diagnosed(data, "ae", features="depth_normal", likelihood="mse")
    train_group, held_out = found["groups"]["train"], found["groups"]["held_out"]
    assert (train_group["heads"], held_out["heads"]) == (2, 1)
    assert "shuffled" in train_group
    assert "shuffled" not in held_out
    for group in (train_group, held_out):
        assert not {"kl", "prior", "active_units"} & set(group)
    assert set(train_group["gradient_norms"]) == {"reconstruction", "sdf"}
    assert found["effective_beta"] is found["predicted_kl"] is None
    # One head's coverage has no spread that could be explained.
    assert held_out["mean"]["coverage_explained"] is None
    alone = DIAGNOSE.model_copy(update={"heads": {"train": ["a"], "held_out": []}})
    assert list(_diagnosed(data, "alone", alone)["groups"]) == ["train"]


def test_terms_and_distortion_are_those_of_the_decoded_views(data: Path) -> None:
    """With two heads, each is decoded from the other's latent when shuffled."""
    found = _diagnosed(data, "views", features="occupancy", likelihood="mse", bottleneck=GAUSSIAN)
    network = load_model(data / "models/views").codec
    truth = np.stack([_plain(data, name, "occupancy") for name in ("a", "b")])
    with torch.no_grad():
        latent = network.encode(torch.from_numpy(truth).float())
        values = network.decode(latent).values.double().numpy()
        prior = torch.randn(latent.shape, generator=torch.Generator().manual_seed(DIAGNOSE.seed))
        assert not torch.allclose(prior, latent, atol=0.5)
    group = found["groups"]["train"]
    terms = group["terms"]
    assert terms["reconstruction"] == pytest.approx(((values - truth) ** 2).mean(), rel=1e-4)
    assert group["kl"] == pytest.approx(terms["kl"], rel=1e-4)
    assert group["marginal_kl"] == pytest.approx(group["kl"] - group["mutual_information"])
    shown = values.clip(0, 1)
    for key, order in (("mean", [0, 1]), ("shuffled", [1, 0])):
        error = (shown[order] - truth) ** 2
        assert group[key]["distortion"] == pytest.approx(error.mean(), rel=1e-4)
        spread = (truth - truth.mean(axis=0)) ** 2
        explained = 1 - error.sum() / spread.sum()
        assert group[key]["coverage_explained"] == pytest.approx(explained, rel=1e-4)
    shapes = {"empty", "closed", "whole", "field_min", "field_max"}
    assert set(group["prior"]) == shapes | {"nearest_ratio"}
    assert shapes <= set(group["mean"])


def test_a_network_that_decodes_the_truth_scores_and_a_shuffled_latent_does_not(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The latent holds the name of the head; the decoder knows each head's views."""
    truth = torch.stack(
        [torch.from_numpy(_plain(data, name, "occupancy")).float() for name in ("a", "b")]
    )

    def loaded(folder: Path):
        saved = load_model(folder)
        network = saved.codec

        def encode(views: torch.Tensor) -> torch.Tensor:
            index = torch.tensor([torch.equal(views[0], head) for head in truth]).nonzero()
            return index.float().reshape(1, 1, 1, 1, 1).expand(1, 6, 2, 16, 16)

        decode = network.decode

        def exact(latent: torch.Tensor):
            return decode(latent)._replace(values=truth[latent[:, 0, 0, 0, 0].long().clamp(0, 1)])

        monkeypatch.setattr(network, "encode", encode)
        monkeypatch.setattr(network, "decode", exact)
        return saved

    monkeypatch.setattr(diagnose, "load_model", loaded)
    heads = DIAGNOSE.model_copy(update={"heads": {"train": ["a", "b"], "held_out": []}})
    found = _diagnosed(data, "exact", heads, features="occupancy", likelihood="mse")
    group = found["groups"]["train"]
    assert group["mean"]["distortion"] == 0
    assert group["mean"]["coverage_explained"] == 1
    assert group["mean"]["empty"] == 0
    one, two = truth
    assert group["shuffled"]["distortion"] == pytest.approx(
        (one - two).square().mean().item(), rel=1e-5
    )
    # The squared error of the other of two heads is four times that of their mean.
    assert group["shuffled"]["coverage_explained"] == pytest.approx(-3, rel=1e-5)
    best, other = (
        np.mean([score["iou"] for score in group[key]["scores"]]) for key in ("mean", "shuffled")
    )
    assert best > 0.8
    assert other < best - 0.05


@pytest.mark.parametrize(
    ("features", "bottleneck"),
    [
        ("occupancy", GAUSSIAN),
        ("depth_normal", GAUSSIAN),
        ("occupancy", GAUSSIAN.model_copy(update={"prior": "learned"})),
        ("occupancy", FsqSettings()),
        ("occupancy", NoiseSettings()),
    ],
)
def test_a_diverged_network_is_a_result_without_numbers(
    data: Path, features: str, bottleneck: BottleneckSettings
) -> None:
    name = f"diverged-{features}-{digest(bottleneck.model_dump())}"
    _diagnosed(data, name, features=features, bottleneck=bottleneck)
    model = data / f"models/{name}"
    weights = load_file(model / "model.safetensors")
    save_file(
        {
            key: torch.full_like(value, math.nan) if value.is_floating_point() else value
            for key, value in weights.items()
        },
        model / "model.safetensors",
    )
    config = json.loads((model / "config.json").read_text())
    assert config["finite"] is True
    (model / "config.json").write_text(json.dumps({**config, "finite": False}))
    folders = {part: data / part for part in ("hexplanes", "sdf", "meshes")}
    diagnose.run(model, data / f"{name}.json", DIAGNOSE, **folders)
    found = json.loads((data / f"{name}.json").read_text())["groups"]["held_out"]
    assert set(found["terms"].values()) == {None}
    # Symbols are what they are, even of no numbers.
    assert (found["kl"] is None) == (bottleneck.kind == "gaussian")
    assert found["mean"]["empty"] == 1
    assert found["prior"]["empty"] == 1
    assert found["prior"]["nearest_ratio"] is None


def test_drawn_meshes_are_counted_by_their_shape_and_set_beside_real_heads(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every four: nothing, one ball, two balls, and an open one."""
    ball = bump(0)
    ball.apply_scale(0.6)
    other = ball.copy()
    other.apply_translation([3.0, 0, 0])
    opened = trimesh.Trimesh(ball.vertices, ball.faces[:-5], process=False)
    meshes = [trimesh.Trimesh(), ball, trimesh.util.concatenate(ball, other), opened]
    given = itertools.count()

    def decoded(codec, latent, settings):
        field = ScalarField(np.array([0.0, 0.7], "f4"), 0.5, 0.0)
        return Decoded({}, Extraction(field, meshes[next(given) % 4]))

    _diagnosed(data, "shapes", features="occupancy", bottleneck=GAUSSIAN)
    monkeypatch.setattr(diagnose, "decode", decoded)
    found = diagnose._prior(
        load_model(data / "models/shapes").codec, {"train": [ball], "held_out": [other]}, DIAGNOSE
    )
    ratio = found.pop("nearest_ratio")
    assert found == {
        "empty": 0.25,
        "closed": 0.5,
        "whole": 0.25,
        "field_min": 0.0,
        "field_max": pytest.approx(0.7),
    }
    # Two of three lie on the training head, and the third half so: far nearer than the other.
    assert 0 < ratio < 0.4


def test_a_discrete_latent_is_priced_drawn_and_packed(data: Path) -> None:
    found = _diagnosed(data, "fsq", features="occupancy", bottleneck=FsqSettings(levels=3))
    codec = load_model(data / "models/fsq").codec
    for key, names in (("train", "ab"), ("held_out", "c")):
        group = found["groups"][key]
        views = [torch.from_numpy(_plain(data, name, "occupancy")).float() for name in names]
        with torch.no_grad():
            latents = [codec.encode(head[None])[0] for head in views]
        sizes = [8 * len(codec.bottleneck.pack(latent)) for latent in latents]
        assert group["bits"] == sum(sizes) / len(sizes)
        assert group["kl"] == pytest.approx(group["bits"] * math.log(2), rel=0.03, abs=20)
        assert 0 <= group["prior"]["closed"] <= 1
    assert found["groups"]["train"]["kl"] < codec.bottleneck.tables.slots.shape[1] * math.log(3)
