"""A killed training goes on from its checkpoint and ends where an undisturbed one would."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from hexplane.provenance import canonical_json
from hexplane.specs.render import RenderSpec
from hexplane.specs.sample import SampleSpec
from hexplane.stages import render, sample
from workflow import ROOT, TINY, bump

STEPS = 60


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two rendered and sampled shapes."""
    for seed, name in enumerate("ab"):
        mesh = tmp_path / f"{name}.ply"
        shape = bump(seed)
        shape.apply_scale(0.6)
        shape.export(mesh)
        render.run(mesh, tmp_path / f"hexplanes/{name}.zarr", RenderSpec(resolution=32))
        sample.run(mesh, tmp_path / f"sdf/{name}.zarr", SampleSpec(near=300, uniform=100))
    return tmp_path


def start(data: Path, output: str, state: str, kind: str) -> subprocess.Popen[str]:
    training = {**TINY["training"], "steps": STEPS, "checkpoint_seconds": 0, "log_every": 10}
    spec = {"model": TINY["model"], "training": training, "bottleneck": {"kind": kind}}
    stores = [str(data / f"hexplanes/{name}.zarr") for name in "ab"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "hexplane", "train", str(data / output), *stores]
        + [f"--sdf={data / 'sdf'}", f"--state={data / state}", f"--spec={canonical_json(spec)}"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )


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


def test_other_settings_start_anew(data: Path) -> None:
    first = start(data, "one", "state", "deterministic")
    assert first.wait() == 0
    second = start(data, "two", "state", "gaussian")
    _, printed = second.communicate()
    assert second.returncode == 0
    assert "resuming" not in printed
    assert len(list((data / "state").iterdir())) == 2
