"""A generated head from its own numbers: it comes back, the nearer the more bytes they have."""

import json
from pathlib import Path
from typing import Any

import pytest
import trimesh

from hexplane.metrics.comparison import compare
from hexplane.plumbing.manifests import mismatches
from hexplane.settings.generate import GenerateSettings
from hexplane.settings.rates import ParametersSettings
from hexplane.stages import generate, normalise, parameters

SEED = 5
SETTINGS = ParametersSettings(head=SEED, samples=2000, budgets=(4, 40, 128, 4096))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parameters")
    generate.run(folder / "heads/a.ply", GenerateSettings(seed=SEED))
    normalise.run(folder / "heads/a.ply", folder / "a.ply")
    return folder


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, Any]:
    path = folder / "rates/a.json"
    parameters.run(folder / "a.ply", path, SETTINGS)
    assert mismatches(path) == []
    return json.loads(path.read_text())


def test_a_head_comes_back(found: dict[str, Any]):
    points = found["points"]
    assert [own["budget"] for own in points] == [40, 128, 4096]
    assert all(own["bytes"] <= own["budget"] for own in points)
    errors = [own["metrics"]["chamfer_l1"] for own in points]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] < 0.02 and errors[-1] < 1e-4
    assert points[-1]["bytes"] < 200  # 143 numbers to steps of 2^-10


def test_meshes_lie_beside_the_points(folder: Path, found: dict[str, Any]):
    truth = trimesh.load_mesh(folder / "a.ply")
    kept = sorted(path.name for path in (folder / "rates").glob("*.ply"))
    assert kept == ["a.128.ply", "a.4096.ply"]
    mesh = trimesh.load_mesh(folder / "rates/a.128.ply")
    again = compare(mesh, truth, 2000, (0.01,), 0)["chamfer_l1"]
    assert again == pytest.approx(found["points"][1]["metrics"]["chamfer_l1"], rel=1e-2)


def test_the_generator_is_a_decoder_of_many_bytes(found: dict[str, Any]):
    assert found["decoder_bytes"] > 1e7
