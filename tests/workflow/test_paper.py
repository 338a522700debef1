"""The preset of the two reference systems, in its real size, for a step or two."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from snakemake.utils import update_config

from hexplane.config import parse_config
from hexplane.geometry.meshes import normalise
from hexplane.model.bottlenecks.gaussian_settings import GaussianSettings
from hexplane.model.codecs import build_codec
from hexplane.plan import Plan, spec_param
from hexplane.plumbing.files import write_json
from hexplane.store import read_latent, write_hexplane, write_samples
from support.project import ROOT, bump
from support.stores import BARE

FLOATS = 393_216
GIGABYTE = 1e9


@pytest.fixture(scope="module")
def plan():
    values = yaml.safe_load((ROOT / "config.yaml").read_text())
    preset = yaml.safe_load((ROOT / "workflow/presets/paper.yaml").read_text())
    update_config(values, preset)
    return Plan(parse_config(values), ROOT)


def test_settings_are_the_reported_ones(plan):
    assert plan.config.study == "reported"
    assert plan.arms == ["ae-depth-normal", "vae-occupancy"]
    assert plan.config.render.resolution == 512
    assert plan.split == {"train": ["head-000"], "validation": [], "test": []}
    for arm in plan.arms:
        training = plan.train(arm).training
        assert plan.train(arm).likelihood == "mse"
        assert (training.optimiser, training.learning_rate) == ("adam", 1e-4)
        assert (training.clip_norm, training.sdf_points, training.batch) == (1.0, 2048, 1)
    gaussian = plan.train("vae-occupancy").bottleneck
    assert isinstance(gaussian, GaussianSettings)
    assert (gaussian.kl_initial_weight, gaussian.kl_warmup_steps) == (1e-6, 3000)
    # A mean over 6 x 512 x 512 values beside a summed KL: even the first weight is not small.
    codec = build_codec(plan.train("vae-occupancy"), 512)
    assert codec.effective_beta(0) == pytest.approx(1e-6 * 6 * 512**2 / 2)


@pytest.mark.slow
@pytest.mark.parametrize("arm", ["vae-occupancy", "ae-depth-normal"])
def test_two_steps_in_full_size_stay_below_12_gb(plan, arm, renderer, tmp_path: Path):
    mesh, _ = normalise(bump(0), plan.normalise("head-000").up)
    write_json(tmp_path / "split.json", plan.split)
    store = tmp_path / "hexplanes/head-000.zarr"
    write_hexplane(store, renderer.render(mesh, 512))
    points = np.random.default_rng(0).uniform(-1, 1, (3000, 3)).astype(np.float32)
    distance = np.linalg.norm(points, axis=1) - 0.7
    write_samples(tmp_path / "sdf/head-000.zarr", points, distance.astype(np.float32))
    for folder in ("hexplanes", "sdf"):
        manifest = tmp_path / folder / "head-000.manifest.json"
        write_json(manifest, BARE)
    spec = plan.train(arm)
    spec = spec.model_copy(update={"training": spec.training.model_copy(update={"steps": 2})})
    program = (
        "import resource, sys; from hexplane.cli import app\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        "print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)"
    )
    command = ["train", "model", "split.json", "--hexplanes=hexplanes", "--sdf=sdf"]
    done = subprocess.run(
        [sys.executable, "-c", program, *command, "--state=state", "--spec", spec_param(spec)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    peak = float(done.stdout.split("peak")[-1])
    assert 1 * GIGABYTE < peak < 12 * GIGABYTE  # all of it, on the CPU
    config = json.loads((tmp_path / "model/config.json").read_text())
    assert 36e6 <= config["parameters"] <= 40e6
    assert config["steps"] == 2 and config["resolution"] == 512
    from hexplane.stages.encode import run

    run(store, tmp_path / "latent.zarr", model=tmp_path / "model")
    latent = read_latent(tmp_path / "latent.zarr", (6, 64, 32, 32))
    assert latent.shape == (6, 64, 32, 32) and latent.size == FLOATS
    assert latent.nbytes == 1_572_864
    assert torch.isfinite(torch.from_numpy(latent)).all()
