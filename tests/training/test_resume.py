"""A killed training goes on from its checkpoint and ends where an undisturbed one would."""

import csv
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from hexplane.training.checkpoint import load_checkpoint
from support.damage import flip_a_bit_of_a_weight
from support.trained import render_and_sample, start_training

pytestmark = pytest.mark.slow

STEPS = 60


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two rendered and sampled shapes."""
    return render_and_sample(tmp_path, "ab")


def start(data: Path, output: str, state: str, kind: str) -> subprocess.Popen[str]:
    training = {"steps": STEPS, "checkpoint_seconds": 0, "log_every": 10}
    spec = {"bottleneck": {"kind": kind}, "training": training}
    return start_training(data, output, "ab", spec, f"--state={data / state}")


@pytest.mark.parametrize("kind", ["deterministic", "gaussian"])
def test_kill_and_resume(data: Path, kind: str) -> None:
    undisturbed = start(data, "whole", "state-1", kind)
    assert undisturbed.wait() == 0
    killed = start(data, "killed", "state-2", kind)
    deadline = time.monotonic() + 60
    while not list((data / "state-2").glob("*/checkpoint.pt")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.1)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (data / "killed/model.safetensors").exists()
    resumed = start(data, "killed", "state-2", kind)
    _, printed = resumed.communicate()
    assert resumed.returncode == 0, printed
    (line,) = [line for line in printed.splitlines() if "resuming at step" in line]
    step = int(line.split("resuming at step ")[1].split()[0])
    assert 0 < step < STEPS
    whole, again = (load_file(data / name / "model.safetensors") for name in ("whole", "killed"))
    for name, values in whole.items():
        np.testing.assert_array_equal(values, again[name], err_msg=name)
    with (data / "killed/history.csv").open() as stream:
        assert [int(row["step"]) for row in csv.DictReader(stream)] == [*range(10, STEPS + 1, 10)]


def test_a_damaged_checkpoint_is_named_and_the_training_starts_anew(data: Path) -> None:
    assert start(data, "whole", "state", "deterministic").wait() == 0
    (checkpoint,) = (data / "state").glob("*/checkpoint.pt")
    weights = (data / "whole/model.safetensors").read_bytes()
    flip_a_bit_of_a_weight(checkpoint)
    again = start(data, "again", "state", "deterministic")
    _, printed = again.communicate()
    assert again.returncode == 0, printed
    assert f"{checkpoint} is damaged: starting anew" in printed
    assert "resuming" not in printed
    assert (data / "again/model.safetensors").read_bytes() == weights
    saved = load_checkpoint(checkpoint.parent)
    assert saved is not None and saved["step"] == STEPS


def test_other_settings_start_anew(data: Path) -> None:
    first = start(data, "one", "state", "deterministic")
    assert first.wait() == 0
    second = start(data, "two", "state", "gaussian")
    _, printed = second.communicate()
    assert second.returncode == 0
    assert "resuming" not in printed
    assert len(list((data / "state").iterdir())) == 2
