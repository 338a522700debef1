"""A mesh that was never normalised: six empty views or a score of 0 tell nobody so."""

from pathlib import Path

import pytest
import trimesh

from hexplane.geometry.writing import write_mesh
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import write_json
from hexplane.settings.distances import DistancesSettings
from hexplane.settings.evaluate import EvaluateSettings
from hexplane.settings.extract import OracleSettings
from hexplane.stages import distances, evaluate, oracle, render
from support.stores import BARE

STAGES = {
    "render": lambda mesh, out: render.run(mesh, out / "views.zarr"),
    "distances": lambda mesh, out: distances.run(
        mesh, out / "sdf.zarr", DistancesSettings(near=10, uniform=10)
    ),
    "oracle": lambda mesh, out: oracle.run(
        out / "views.zarr", mesh, out / "made.ply", OracleSettings(field="sdf", resolution=16)
    ),
    "evaluate": lambda mesh, out: evaluate.run(
        mesh.with_name("whole.ply"), mesh, out / "scores.json", EvaluateSettings(samples=100)
    ),
}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    write_mesh(trimesh.creation.icosphere(2, 0.9), tmp_path / "whole.ply")
    write_mesh(trimesh.creation.icosphere(2, 100.0), tmp_path / "large.ply")
    write_mesh(trimesh.creation.icosphere(2, 0.1), tmp_path / "small.ply")
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.mark.parametrize("size", ["large", "small"])
@pytest.mark.parametrize("stage", STAGES)
def test_it_is_refused_in_one_line_and_nothing_is_written(out: Path, stage: str, size: str) -> None:
    with pytest.raises(UserError, match=rf"^\S+{size}\.ply: not normalised") as caught:
        STAGES[stage](out.with_name(f"{size}.ply"), out)
    assert "\n" not in str(caught.value)
    assert not list(out.iterdir())


def test_nor_is_a_reconstruction_judged_in_the_sources_coordinates(out: Path) -> None:
    whole, scores = out.with_name("whole.ply"), out / "scores.json"
    settings = EvaluateSettings(samples=100)
    with pytest.raises(UserError, match=r"large\.ply: reaches out of the canonical cube"):
        evaluate.run(out.with_name("large.ply"), whole, scores, settings)
    # Of a head in metres only the manifest can tell.
    assert evaluate.run(out.with_name("small.ply"), whole, scores, settings)["iou"] < 0.01
    write_json(out.with_name("small.json"), {**BARE, "canonical": False})
    with pytest.raises(UserError, match=r"small\.ply: in its source's coordinates"):
        evaluate.run(out.with_name("small.ply"), whole, scores, settings)
