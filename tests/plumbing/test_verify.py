"""Verification names each damage of results, and the command that repairs it."""

import shlex
import shutil
import sys
from pathlib import Path

import pytest

from hexplane.plumbing import verify
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import sha256
from hexplane.plumbing.manifests import Job, manifest_path, mismatches
from support.stores import stored_samples


def test_untouched_results_verify(tmp_path):
    manifest = stored_samples(tmp_path / "sdf", 1.0)
    assert mismatches(manifest) == []
    assert verify.run(tmp_path) == "1 manifests verified, all files match"


def _alter(store: Path) -> None:
    chunk = store / "points/c/0/0"
    data = bytearray(chunk.read_bytes())
    data[-1] ^= 1
    chunk.write_bytes(data)


def _delete(store: Path) -> None:
    (store / "distance/c/0").unlink()


def _plant(store: Path) -> None:
    (store / "points/c/0/7").write_bytes(b"foreign")


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (_alter, "ada.zarr/points/c/0/0: altered"),
        (_delete, "ada.zarr/distance/c/0: missing"),
        (_plant, "ada.zarr/points/c/0/7: not written by the workflow"),
        (shutil.rmtree, "ada.zarr/zarr.json: missing"),
    ],
    ids=["altered", "deleted", "foreign", "whole store"],
)
def test_verify_names_each_damage_and_how_to_rebuild(tmp_path, damage, line):
    study = tmp_path / "my heads/results/default"
    stored_samples(study / "sdf", 1.0)
    stored_samples(study / "hexplanes", 1.0)
    (tmp_path / "my heads/Snakefile").touch()
    damage(study / "sdf/ada.zarr")
    with pytest.raises(UserError) as caught:
        verify.run(study.parent)
    *lines, rebuild = str(caught.value).splitlines()
    assert f"{study / 'sdf' / line}" in lines
    said, _, command = rebuild.partition(": cd ")
    assert said == "rebuild, with the run's own --configfile or --config if any"
    assert shlex.split(command) == [
        *(str(tmp_path / "my heads"), "&&", str(Path(sys.executable).with_name("snakemake"))),
        *("--cores", "all", "--forcerun", "results/default/sdf/ada.manifest.json"),
    ]
    if damage is not shutil.rmtree:
        assert len(lines) == 1


def test_verify_goes_on_after_a_damaged_manifest(tmp_path):
    study = tmp_path / "results/default"
    first, second = (stored_samples(study / part, 1.0) for part in ("hexplanes", "sdf"))
    first.write_text("{")
    _delete(second.with_name("ada.zarr"))
    with pytest.raises(UserError) as caught:
        verify.run(study)
    one, two, rebuild = str(caught.value).splitlines()
    assert one == f"{first}: not a readable manifest"
    assert two.startswith(str(second.parent)) and two.endswith("missing")
    targets = " ".join(path.relative_to(tmp_path).as_posix() for path in (first, second))
    assert rebuild.endswith(f"--forcerun {targets}")


@pytest.mark.parametrize("given", ["results/default", "results"])
def test_verify_knows_what_the_report_was_made_from(tmp_path, given):
    root = tmp_path / "results/default"
    (root / "metrics").mkdir(parents=True)
    read, table = root / "metrics/ada.txt", root / "metrics/summary.csv"
    for file in (read, table):
        file.write_text("1")
    page = root / "report/index.html"
    page.parent.mkdir()
    page.write_text("page")
    Job("hexplane.stages.report", None).write_manifest(
        manifest_path(page),
        [page],
        inputs={"metrics/ada.txt": sha256(read)},
        tables={"metrics/summary.csv": sha256(table)},
    )
    assert verify.run(tmp_path / given) == "1 manifests verified, all files match"
    for file in (read, table):
        file.write_text("2")
        with pytest.raises(UserError) as caught:
            verify.run(tmp_path / given)
        line, rebuild = str(caught.value).splitlines()
        assert line == f"{file}: altered, or rebuilt after the report"
        assert rebuild.endswith(f"--forcerun {file.relative_to(tmp_path)}")
        file.write_text("1")


def test_verify_lists_all_damages_of_all_stores(tmp_path):
    for name in ("hexplanes", "sdf"):
        stored_samples(tmp_path / name, 1.0)
        _alter(tmp_path / name / "ada.zarr")
        _delete(tmp_path / name / "ada.zarr")
    with pytest.raises(UserError) as caught:
        verify.run(tmp_path)
    assert len(str(caught.value).splitlines()) == 5


def test_verify_without_manifests(tmp_path):
    (tmp_path / "other.json").write_text('{"format": "else"}')
    with pytest.raises(UserError, match="no manifests here"):
        verify.run(tmp_path)


def test_each_study_has_a_command_of_its_own(tmp_path):
    """Snakemake plans one study at a time, and knows no file of another one."""
    results = tmp_path / "results"
    broken = [stored_samples(results / study / "sdf", 1.0) for study in ("one", "two")]
    for manifest in broken:
        _alter(manifest.with_name("ada.zarr"))
    with pytest.raises(UserError) as caught:
        verify.run(results)
    commands = [line for line in str(caught.value).splitlines() if line.startswith("rebuild")]
    targets = [path.relative_to(tmp_path).as_posix() for path in broken]
    assert [line.split("--forcerun ")[1] for line in commands] == targets
