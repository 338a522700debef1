"""An open mesh through the stages: its oracle is that of the closed one."""

import json
from pathlib import Path

import pytest
import trimesh

from hexplane.settings.distances import DistancesSettings
from hexplane.settings.evaluate import EvaluateSettings
from hexplane.settings.extract import OracleSettings
from hexplane.settings.normalise import NormaliseSettings
from hexplane.settings.render import RenderSettings
from hexplane.stages import distances, evaluate, normalise, oracle, render
from hexplane.store import read_samples

BOX = "v 0 0 0|v 1 0 0|v 1 2 0|v 0 2 0|v 0 0 3|v 1 0 3|v 1 2 3|v 0 2 3"
SIDES = ["f 1 4 3 2", "f 5 6 7 8", "f 1 2 6 5", "f 2 3 7 6", "f 3 4 8 7", "f 4 1 5 8"]


def chain(folder: Path, sides: list[str], close: bool = True) -> dict:
    """Facts of the normalised mesh and scores of its oracle, R = N = 64."""
    folder.mkdir()
    source = folder / "box.obj"
    source.write_text("\n".join([*BOX.split("|"), *sides]))
    mesh, views, made = folder / "mesh.ply", folder / "views.zarr", folder / "oracle.ply"
    normalise.run(source, mesh, NormaliseSettings(close=close))
    render.run(mesh, views, RenderSettings(resolution=64, backend="embree"))
    distances.run(mesh, folder / "sdf.zarr", DistancesSettings(near=0, uniform=20_000))
    oracle.run(views, mesh, made, OracleSettings(resolution=64))
    evaluate.run(made, mesh, folder / "scores.json", EvaluateSettings(samples=5000))
    _, distance = read_samples(folder / "sdf.zarr")
    facts = json.loads((folder / "mesh.json").read_text())
    scores = json.loads((folder / "scores.json").read_text())["metrics"]
    seen = json.loads((folder / "views.manifest.json").read_text())["seen_share"]
    return scores | facts | {"inside": float((distance < 0).mean()), "seen_share": seen}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("boxes")


@pytest.fixture(scope="module")
def closed(folder: Path) -> dict:
    return chain(folder / "closed", SIDES)


def test_the_closed_box_is_what_it_is(closed: dict) -> None:
    assert (closed["openings"], closed["turned_faces"], closed["source_faces"]) == (0, 0, 12)
    assert closed["iou"] > 0.96
    assert closed["f_score_0.02"] > 0.99
    # 1 x 2 x 3 scaled to a longest side of 1.8, of the cube's volume of 8.
    assert closed["inside"] == pytest.approx(6 * 0.6**3 / 8, abs=0.01)
    assert closed["seen_share"] > 0.99


@pytest.mark.parametrize("missing", range(6))
def test_a_box_without_a_side_has_the_same_oracle(folder: Path, closed: dict, missing: int) -> None:
    sides = [side for i, side in enumerate(SIDES) if i != missing]
    found = chain(folder / f"without-{missing}", sides)
    assert (found["openings"], found["source_faces"], found["watertight"]) == (1, 10, True)
    assert found["iou"] == pytest.approx(closed["iou"], abs=0.01)
    assert found["f_score_0.02"] == pytest.approx(closed["f_score_0.02"], abs=0.01)
    assert found["inside"] == pytest.approx(closed["inside"], abs=0.003)
    assert found["source_completeness"] == pytest.approx(found["completeness"], abs=0.01)


@pytest.mark.parametrize(
    "sides",
    [
        [" ".join([side[:1], *reversed(side[2:].split())]) for side in SIDES],
        [*SIDES, *(" ".join([side[:1], *reversed(side[2:].split())]) for side in SIDES)],
        [*SIDES[:3], *(" ".join([side[:1], *reversed(side[2:].split())]) for side in SIDES[3:])],
    ],
    ids=["reversed", "with its reversed copy", "half of it turned"],
)
def test_faces_that_run_the_wrong_way_are_mended(
    folder: Path, closed: dict, sides: list[str], request: pytest.FixtureRequest
) -> None:
    found = chain(folder / request.node.callspec.id.replace(" ", "-"), sides)
    assert found["turned_faces"] or found["doubled_faces"]
    assert found["inside"] == pytest.approx(closed["inside"], abs=0.003)
    assert found["iou"] == pytest.approx(closed["iou"], abs=0.01)
    assert found["normal_consistency"] == pytest.approx(closed["normal_consistency"], abs=0.01)


def test_the_old_way_is_a_switch(folder: Path, closed: dict) -> None:
    sides = [side for i, side in enumerate(SIDES) if i != 2]
    found = chain(folder / "as-it-is", sides, close=False)
    assert (found["openings"], found["source_faces"], found["watertight"]) == (0, 10, False)
    assert found["iou"] < closed["iou"] / 2
    mesh = trimesh.load_mesh(folder / "as-it-is/mesh.ply")
    assert len(mesh.faces) == 10


def test_a_wrong_up_is_hinted_at(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = folder / "stands-along-z.obj"
    source.write_text("\n".join([*BOX.split("|"), *SIDES[1:]]))  # open below, at z = 0
    normalise.run(source, folder / "hinted.ply")
    hint = json.loads((folder / "hinted.json").read_text())["hint"]
    assert hint.endswith("lies at -z, but up is y, and z is its longest axis (does up: z fit?)")
    assert capsys.readouterr().err == f"hint: {source}: {hint}\n"
    normalise.run(source, folder / "upright.ply", NormaliseSettings(up="z"))
    assert json.loads((folder / "upright.json").read_text())["hint"] is None
    assert capsys.readouterr().err == ""
