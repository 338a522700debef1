"""Model folders from others: whatever is wrong with one is a line, before memory is taken."""

import json
import os
import resource
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from hexplane.model.saved import chosen_modules, load_model
from hexplane.plumbing.errors import UserError
from support.untrained import RESOLUTION, SHAPE, SIZES, untrained_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return untrained_model(tmp_path / "model")


def refused(folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_model(folder)
    said = str(caught.value)
    assert "\n" not in said
    return said


def test_a_sound_model_is_loaded(model: Path) -> None:
    saved = load_model(model)
    assert saved.codec.latent_shape == SHAPE
    assert saved.resolution == RESOLUTION
    assert saved.finite
    weights = load_file(model / "model.safetensors")
    assert all(torch.equal(weights[name], own) for name, own in saved.codec.state_dict().items())


def test_missing_files_are_named(model: Path) -> None:
    for name in ("model.safetensors", "config.json"):
        (model / name).rename(model / "kept")
        assert refused(model) == f"{model}: no model here ({model / name} is missing)"
        (model / "kept").rename(model / name)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_pipe_does_not_hang(model: Path, name: str) -> None:
    (model / name).unlink()
    os.mkfifo(model / name)
    assert refused(model) == f"{model / name}: not a file"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not readable as JSON"),
        ("[" * 100_000, "not readable as JSON"),
        ('{"spec": ' + "[" * 100_000, "not readable as JSON"),
        ("[]", "no configuration of a model (allowed: a JSON mapping)"),
        ('{"train": [], "train": ["a"]}', "'train' is there twice"),
    ],
)
def test_a_damaged_config_is_one_line(model: Path, text: str, says: str) -> None:
    (model / "config.json").write_text(text)
    assert refused(model) == f"{model / 'config.json'}: {says}"
    with pytest.raises(UserError):
        chosen_modules(model)


def changed(model: Path, **changes: object) -> None:
    values = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**values, **changes}))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"resolution": float("inf")}, "not readable as JSON"),
        ({"resolution": 10**6}, "resolution: input should be less than or equal to 2048"),
        ({"resolution": "16"}, "resolution: input should be a valid integer (got '16')"),
        ({"resolution": 18}, "spec.model.latent_resolution: 4 does not fit render.resolution 18"),
        ({"train": 3}, "train: input should be a valid list (got 3)"),
        ({"spec": []}, "spec: input should be a valid dictionary (got [])"),
        (
            {"spec": {"model": {"widths": [10**9]}}},
            "spec.model.widths.0: input should be less than",
        ),
        ({"spec": {"model": {"kind": "os"}}}, "spec.model"),
        ({"spec": {"bottleneck": {"kind": "../x"}}}, "spec.bottleneck: unknown kind"),
        ({"spec": {"features": "colour"}}, "spec.features: input should be 'occupancy', "),
    ],
)
def test_values_that_no_model_has(model: Path, changes: dict[str, object], says: str) -> None:
    changed(model, **changes)
    assert refused(model).startswith(f"{model / 'config.json'}: {says}")


def test_weights_of_another_shape_are_named(model: Path) -> None:
    file = model / "model.safetensors"
    weights = load_file(file)
    first = sorted(weights)[0]
    for damaged, says in (
        (
            {**weights, first: weights[first][:1].contiguous()},
            f"{first!r} is F32 of the shape [1, ",
        ),
        ({**weights, first: weights[first].double()}, f"{first!r} is F64 of the shape"),
        ({name: own for name, own in weights.items() if name != first}, f"{first!r} is missing"),
        ({**weights, "more": torch.ones(2)}, "'more' is none of the weights"),
    ):
        save_file(damaged, file)
        assert refused(model).startswith(f"{file}: {says}")
    file.write_bytes(b"\xff" * 100)
    assert refused(model) == f"{file}: not readable as weights (SafetensorError)"


def test_nan_is_refused_unless_the_training_diverged(model: Path) -> None:
    file = model / "model.safetensors"
    weights = load_file(file)
    first = sorted(weights)[0]
    weights[first].view(-1)[0] = torch.nan
    save_file(weights, file)
    assert refused(model) == f"{file}: holds NaN or infinity (allowed: finite numbers)"
    changed(model, finite=False)
    assert not load_model(model).finite


@pytest.mark.parametrize(
    "bottleneck", [{"kind": "deterministic"}, {"kind": "fsq", "levels": 256}, {"kind": "noise"}]
)
def test_large_sizes_over_small_weights_take_no_memory(
    model: Path, bottleneck: dict[str, object]
) -> None:
    # These would be gigabytes: six levels of 1,024 channels, and 25 million latent values.
    sizes = {**SIZES, "widths": [1024] * 5, "encoder_blocks": 8, "decoder_blocks": 8,
             "latent_channels": 256, "latent_resolution": 128}  # fmt: skip
    changed(model, spec={"model": sizes, "bottleneck": bottleneck}, resolution=2048)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refused(model).startswith(f"{model / 'model.safetensors'}: ")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB
