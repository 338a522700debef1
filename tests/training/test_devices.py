"""Where and how a training runs changes nothing of what comes out: processes, disk, precision."""

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from hexplane.model.bottlenecks.deterministic_settings import DeterministicSettings
from hexplane.model.codecs.hexplane import HexplaneAutoencoder
from hexplane.model.codecs.hexplane_settings import HexplaneSettings
from hexplane.training import data as training_data
from hexplane.training.data import AHEAD, Heads, StoredHeads, load_heads, open_heads
from support.trained import render_and_sample, start_training

NAMES = "abcd"
CPU = torch.device("cpu")
# Each takes something of the whole batch that is no mean of its shares: covered pixels; a
# logarithm, free bits and a cap.
FITTED = {"features": "depth_normal", "likelihood": "fitted"}
SIGMA = {
    "features": "depth_normal",
    "likelihood": "learned_sigma",
    "bottleneck": {
        "kind": "gaussian",
        "kl_initial_weight": 1e-4,
        "kl_weight": 1e-4,
        "kl_warmup_steps": 0,
        "kl_cap": 90.0,
        "free_bits": 0.1,
    },
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four rendered and sampled shapes."""
    return render_and_sample(tmp_path_factory.mktemp("data"), NAMES)


def _trained(data: Path, name: str, spec: dict[str, Any], *options: str) -> dict[str, np.ndarray]:
    state = f"--state={data / 'state' / name}"
    process = start_training(data, name, "abc", spec, state, *options, watched="d")
    _, printed = process.communicate(timeout=120)
    assert process.returncode == 0, printed
    return load_file(data / name / "model.safetensors")


def _last_row(data: Path, name: str) -> dict[str, float]:
    header, *_, last = (data / name / "history.csv").read_text().split()
    return dict(zip(header.split(","), map(float, last.split(",")), strict=True))


# Processes


@pytest.mark.slow
@pytest.mark.parametrize("spec", [FITTED, SIGMA], ids=["fitted", "sigma"])
def test_two_processes_train_what_one_does(data: Path, spec: dict[str, Any]) -> None:
    training = {"batch": 2, "steps": 8, "log_every": 4, "optimiser": "adam", "learning_rate": 1e-4}
    training |= {"crops": 0.5}
    kind = spec["likelihood"]
    spec = {**spec, "training": training}
    one = _trained(data, f"{kind}-1", spec)
    two = _trained(data, f"{kind}-2", spec, "--devices=2")
    manifests = [json.loads((data / f"{kind}-{n}/manifest.json").read_text()) for n in (1, 2)]
    assert [manifest["processes"] for manifest in manifests] == [1, 2]
    for name, values in one.items():
        # Adam moves a weight by up to 1e-4 a step, whatever the size of its gradient.
        np.testing.assert_allclose(two[name], values, atol=2e-5, err_msg=name)
    rows = [_last_row(data, f"{kind}-{n}") for n in (1, 2)]
    assert rows[0].keys() == rows[1].keys()
    for name in rows[0].keys() - {"seconds"}:
        assert rows[1][name] == pytest.approx(rows[0][name], rel=2e-3, abs=1e-5), name


@pytest.mark.slow
def test_a_batch_that_does_not_divide_is_refused(data: Path) -> None:
    spec = {**FITTED, "training": {"batch": 1}}
    process = start_training(data, "odd", "abc", spec, f"--state={data / 'odd'}", "--devices=2")
    _, printed = process.communicate(timeout=120)
    assert process.returncode != 0
    (line,) = {line for line in printed.splitlines() if line.startswith("error: ")}
    assert "1 heads cannot be shared by 2 processes" in line
    assert "Traceback" not in printed
    assert not (data / "odd/model.safetensors").exists()


# Heads on disk


@pytest.mark.slow
def test_heads_read_as_they_come_train_the_same_weights(data: Path) -> None:
    spec = {**FITTED, "training": {"batch": 2, "steps": 5, "log_every": 2, "crops": 0.5}}
    kept = _trained(data, "kept", spec)
    streamed = _trained(data, "streamed", spec, "--cache-gb=0")
    manifests = [
        json.loads((data / f"{n}/manifest.json").read_text()) for n in ("kept", "streamed")
    ]
    assert [manifest["heads_kept"] for manifest in manifests] == [True, False]
    for name, values in kept.items():
        np.testing.assert_array_equal(streamed[name], values, err_msg=name)
    kept_row, streamed_row = (_last_row(data, name) for name in ("kept", "streamed"))
    assert {**kept_row, "seconds": 0} == {**streamed_row, "seconds": 0}


def test_the_budget_decides(data: Path) -> None:
    stores = [data / f"hexplanes/{name}.zarr" for name in NAMES]
    one = 6 * 32 * 32 * (4 + 1 + 4) * 4 + 400 * 4 * 4  # views and images; points and distance
    opened = [
        open_heads(stores, data / "sdf", "depth_normal", CPU, budget)
        for budget in (4 * one, 4 * one - 1)
    ]
    assert isinstance(opened[0], Heads)
    assert isinstance(opened[1], StoredHeads)
    for heads in opened:
        assert (len(heads), heads.resolution, heads.samples) == (4, 32, 400)


def test_no_more_is_read_than_a_few_batches_ahead(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, lock = [], threading.Lock()

    def counted(stores: list[Path], *others: Any) -> Heads:
        with lock:
            read.extend(store.stem for store in stores)
        return load_heads(stores, *others)

    monkeypatch.setattr(training_data, "load_heads", counted)
    stores = [data / f"hexplanes/{name}.zarr" for name in NAMES]
    stored = StoredHeads(stores, data / "sdf", "occupancy", 32, 400, CPU)
    orders = [torch.tensor([i % 4]) for i in range(20)]
    for done, (heads, order) in enumerate(stored.picked(orders)):
        assert len(heads) == 1 and order.tolist() == [0]
        with lock:
            assert len(read) <= done + 1 + AHEAD
    assert read == [NAMES[i % 4] for i in range(20)]


# Precision


def _network(blocks: int, half: bool) -> HexplaneAutoencoder:
    torch.manual_seed(0)
    sizes = HexplaneSettings(
        widths=(16,),
        encoder_blocks=blocks,
        decoder_blocks=blocks,
        latent_channels=2,
        latent_resolution=8,
    )
    network = HexplaneAutoencoder("depth_normal", 32, sizes, DeterministicSettings(), "mse")
    for name, weight in network.named_parameters():
        if "layers" in name or "plane_head" in name:  # residual blocks and outputs start at zero
            torch.nn.init.normal_(weight, std=0.05)
    network.trunk_dtype = torch.bfloat16 if half else None
    return network


def test_first_and_last_layers_keep_all_digits() -> None:
    views = torch.rand(1, 6, 4, 32, 32)
    exact, half = (_network(0, half)(views) for half in (False, True))
    assert torch.equal(exact.planes.values, half.planes.values)
    assert torch.equal(exact.latent, half.latent)


def test_residual_blocks_compute_in_bfloat16() -> None:
    views = torch.rand(1, 6, 4, 32, 32)
    exact, half = (_network(2, half)(views) for half in (False, True))
    assert half.planes.values.dtype == half.latent.dtype == torch.float32
    error = (half.planes.values - exact.planes.values).abs().max()
    scale = exact.planes.values.abs().max()
    assert 0 < error < 0.02 * scale  # eight bits


@pytest.mark.slow
def test_training_in_bfloat16_learns_as_well(data: Path) -> None:
    training = {"steps": 60, "log_every": 20}
    final = {}
    for precision in ("float32", "bfloat16"):
        spec = {**FITTED, "training": {**training, "precision": precision}}
        _trained(data, precision, spec)
        rows = (data / precision / "history.csv").read_text().split()[1:]
        losses = [float(row.split(",")[3]) for row in rows]
        final[precision] = losses[-1]
        assert losses[-1] < 0.7 * losses[0]
        manifest = json.loads((data / precision / "manifest.json").read_text())
        assert manifest["residual_blocks"] == precision
    assert final["bfloat16"] == pytest.approx(final["float32"], rel=0.1)
