"""Nothing is replaced that hexplane did not write, unless it is told to."""

from collections.abc import Callable
from pathlib import Path

import pytest
import trimesh

from hexplane import stages
from hexplane.plumbing.claims import claim
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.manifests import Job
from hexplane.settings.diagnose import DiagnoseSettings
from hexplane.settings.distances import DistancesSettings
from hexplane.settings.extract import OracleSettings
from hexplane.settings.novelty import NoveltySettings
from hexplane.settings.render import RenderSettings
from hexplane.settings.report import ReportSettings
from hexplane.stages import (
    check,
    classical,
    diagnose,
    distances,
    draco,
    draw,
    encode,
    evaluate,
    extract,
    generate,
    interpolate,
    mean,
    normalise,
    novelty,
    oracle,
    paper,
    parameters,
    rates,
    render,
    report,
    silhouettes,
    solid,
    train,
)
from support.project import bump
from test_cli import run

OURS = b"the user's own words"


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    bump(0).export(folder / "head.obj")
    return folder


def _snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _refused(folder: Path, named: Path, do: Callable[[], object]) -> None:
    before = _snapshot(folder)
    with pytest.raises(UserError, match="would be replaced") as caught:
        do()
    assert str(caught.value).startswith(f"{named}: ")
    assert "\n" not in str(caught.value)
    assert _snapshot(folder) == before


def test_a_scan_is_not_replaced_by_itself(scans: Path) -> None:
    head = scans / "head.obj"
    _refused(scans, head, lambda: normalise.run(head, head))
    normalise.run(head, head, force=True)
    assert abs(trimesh.load_mesh(head).bounds).max() == pytest.approx(0.9)


def test_nor_is_a_file_where_the_manifest_would_stand(scans: Path) -> None:
    (scans / "head.json").write_bytes(OURS)
    _refused(
        scans, scans / "head.json", lambda: normalise.run(scans / "head.obj", scans / "head.ply")
    )
    normalise.run(scans / "head.obj", scans / "head.ply", force=True)
    assert (scans / "head.json").read_bytes() != OURS


def test_what_hexplane_wrote_is_replaced_until_somebody_changes_it(scans: Path) -> None:
    made = scans / "made/head.ply"
    for _ in range(2):
        normalise.run(scans / "head.obj", made)
    made.write_bytes(made.read_bytes() + b"\n")
    _refused(scans, made, lambda: normalise.run(scans / "head.obj", made))


def test_the_stores_and_the_metrics_of_a_user_stay(scans: Path, tmp_path: Path) -> None:
    mesh = tmp_path / "mesh.ply"
    normalise.run(scans / "head.obj", mesh)
    out = tmp_path / "out"
    few = DistancesSettings(near=10, uniform=10)
    store, small = out / "x.zarr", RenderSettings(resolution=16, backend="embree")
    sdf = OracleSettings(field="sdf", resolution=16)
    # A store of the user's own is as good as a file.
    (store / "c").mkdir(parents=True)
    (store / "zarr.json").write_text("{}")
    _refused(out, store, lambda: render.run(mesh, store, small))
    _refused(out, store, lambda: distances.run(mesh, store, few))
    for name in ("scores.json", "made.ply", "made.json"):
        (out / name).write_bytes(OURS)
    _refused(out, out / "scores.json", lambda: evaluate.run(mesh, mesh, out / "scores.json"))
    _refused(out, out / "made.json", lambda: oracle.run(store, mesh, out / "made.ply", sdf))
    (out / "made.json").unlink()
    _refused(out, out / "made.ply", lambda: oracle.run(store, mesh, out / "made.ply", sdf))
    render.run(mesh, store, small, force=True)
    render.run(mesh, store, small)
    (store / "notes.txt").write_bytes(OURS)
    _refused(out, store, lambda: render.run(mesh, store, small))


NOTHING = Path("nothing")
WRITES = {
    "classical": ("out.json", lambda o: classical.run(NOTHING, NOTHING, o)),
    "silhouettes": ("a.obj", lambda o: silhouettes.run(NOTHING, o)),
    "solid": ("cube.ply", lambda o: solid.run(o)),
    "diagnose": (
        "out.json",
        lambda o: diagnose.run(NOTHING, o, DiagnoseSettings(heads={"train": ["a"]})),
    ),
    "draco": ("out.json", lambda o: draco.run(NOTHING, o)),
    "draw": ("000.ply", lambda o: draw.run(o.parent, model=NOTHING)),
    "encode": ("x.hxl", lambda o: encode.run(o.parent / "x.obj")),
    "evaluate": ("out.json", lambda o: evaluate.run(NOTHING, NOTHING, o)),
    "extract": ("head.obj", lambda o: extract.run(NOTHING, o)),
    "generate": ("head.ply", lambda o: generate.run(o)),
    "interpolate": ("0.ply", lambda o: interpolate.run(NOTHING, NOTHING, o.parent)),
    "mean": ("mean.ply", lambda o: mean.run(o, NOTHING)),
    "parameters": ("out.json", lambda o: parameters.run(NOTHING, o)),
    "novelty": (
        "out.json",
        lambda o: novelty.run(NOTHING, NOTHING, o, NoveltySettings(heads={"train": ["a"]})),
    ),
    "paper": ("paper.pdf", lambda o: paper.run(o)),
    "rates": ("out.json", lambda o: rates.run(NOTHING, NOTHING, NOTHING, o)),
    "report": (
        "metrics/runs.csv",
        lambda o: report.run(
            NOTHING,
            o.with_name("index.html"),
            o.with_name("all.csv"),
            o,
            ReportSettings.model_construct(),
        ),
    ),
    "train": ("config.json", lambda o: train.run(o.parent, NOTHING)),
}


@pytest.mark.parametrize("stage", WRITES)
def test_a_users_file_is_seen_before_there_is_any_work(tmp_path: Path, stage: str) -> None:
    name, do = WRITES[stage]
    output = tmp_path / name
    output.parent.mkdir(exist_ok=True)
    output.write_bytes(OURS)
    named = output.parent if ".zarr" in name else output
    _refused(tmp_path, named, lambda: do(output))


def test_the_command_line_can_be_told_to(scans: Path) -> None:
    head = str(scans / "head.obj")
    before = _snapshot(scans)
    done = run("normalise", head, head)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"error: {head}: would be replaced, and hexplane did not write it, or it was changed since "
        "(choose another name, or --force)"
    ]
    assert _snapshot(scans) == before
    assert run("normalise", head, head, "--force").returncode == 0
    assert _snapshot(scans) != before


def test_a_list_of_checked_files_is_no_other_file(scans: Path) -> None:
    head = scans / "head.obj"
    (scans / "own.json").write_text('{"a": 1}')
    for known in (head, scans / "own.json"):
        before = _snapshot(scans)
        with pytest.raises(UserError, match="no list of files found sound"):
            check.run([head], known=known)
        assert _snapshot(scans) == before


def test_tables_of_a_report_are_known_by_its_manifest(tmp_path: Path) -> None:
    page, table = tmp_path / "report/index.html", tmp_path / "metrics/summary.csv"
    for path in (page, table):
        path.parent.mkdir()
        path.write_bytes(OURS)
    from hexplane.plumbing.files import sha256

    Job("hexplane.stages.normalise", None).write_manifest(
        page.with_suffix(".json"), [page], tables={"metrics/summary.csv": sha256(table)}
    )
    claim(page.with_suffix(".json"), [page, table], force=False)
    table.write_bytes(OURS * 2)
    with pytest.raises(UserError, match=r"summary\.csv: would be replaced"):
        claim(page.with_suffix(".json"), [page, table], force=False)


def test_every_stage_that_writes_is_in_these_tests() -> None:
    here = {"check", "normalise", "render", "distances", "oracle", *WRITES}
    assert here == set(stages.names())
