"""Jobs and the manifests that they write."""

import json
import sys

import numpy as np
import pytest

from hexplane.plumbing.digests import code_digest
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.manifests import Job, content_digest, read_manifest, recorded
from hexplane.settings.train import TrainSettings
from support.stores import stored_samples


def test_stage_refuses_changed_source():
    module = "hexplane.stages.render"
    assert Job(module, None, code_digest(module)).name == "render"
    with pytest.raises(UserError, match=r"render: the source changed .*planned 0123456789abcdef"):
        Job(module, None, "0123456789abcdef")


def test_stage_is_planned_with_the_modules_that_its_settings_choose():
    module, chosen = "hexplane.stages.train", TrainSettings().modules()
    planned = f"code:{code_digest(module, chosen)}"
    assert Job(module, TrainSettings(), planned, chosen).code == planned.removeprefix("code:")
    with pytest.raises(UserError, match="train: the source changed"):
        Job(module, TrainSettings(), planned)


def test_manifest_says_what_the_result_was_made_from(tmp_path):
    path = stored_samples(tmp_path, 1.0, seed=3)
    assert path.name == "ada.manifest.json"
    manifest = json.loads(path.read_text())
    assert manifest["stage"] == "distances"
    assert manifest["spec"] == {"near": 60_000, "uniform": 20_000, "spread": 0.03, "seed": 3}
    assert manifest["code"] == code_digest("hexplane.stages.distances")
    assert manifest["inputs"] == {"mesh": "m"}
    assert manifest["note"] == "n"
    assert set(manifest["files"]) == {
        "ada.zarr/zarr.json",
        "ada.zarr/points/zarr.json",
        "ada.zarr/points/c/0/0",
        "ada.zarr/distance/zarr.json",
        "ada.zarr/distance/c/0",
    }
    assert manifest["versions"]["numpy"] == np.__version__
    assert manifest["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))


def test_content_is_equal_for_equal_data_whatever_else_differs(tmp_path):
    one, same, other = (tmp_path / name for name in ("one", "same", "other"))
    one = stored_samples(one, 1.0, seconds=5, seed=1)
    same = stored_samples(same, 1.0, seconds=50, seed=2)
    other = stored_samples(other, 1.5)
    assert json.loads(one.read_text())["seconds"] != json.loads(same.read_text())["seconds"]
    stores = [manifest.with_name("ada.zarr") for manifest in (one, same, other)]
    first, second, third = map(content_digest, stores)
    assert first == second
    assert first != third
    one.unlink()  # a store that came without its manifest
    assert content_digest(stores[0]) == first


def test_a_recorded_fact_is_that_of_the_manifest_beside(tmp_path):
    mesh = tmp_path / "ada.ply"
    mesh.write_text("x")
    assert recorded(mesh, "source_to_canonical") is None
    job = Job("hexplane.stages.normalise", None)
    job.write_manifest(tmp_path / "ada.json", [mesh], source_to_canonical=[[1.0]])
    assert recorded(mesh, "source_to_canonical") == [[1.0]]


def test_numbers_that_are_not_finite_become_null_in_a_manifest(tmp_path):
    (tmp_path / "a.ply").write_text("mesh")
    Job("hexplane.stages.extract", None).write_manifest(
        tmp_path / "a.json", [tmp_path / "a.ply"], low=float("nan"), steps=[{"high": float("inf")}]
    )
    manifest = json.loads((tmp_path / "a.json").read_text())
    assert (manifest["low"], manifest["steps"]) == (None, [{"high": None}])


@pytest.mark.parametrize("text", ["{", "[]", '{"format": "hexplane manifest 0"}'])
def test_unreadable_manifest(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"a\.json: not"):
        read_manifest(path)
