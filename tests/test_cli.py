"""The command line, as it is built from the stages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hexplane import stages
from hexplane.plumbing.errors import UserError
from hexplane.stages import check, train


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hexplane", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
    )


def test_every_stage_is_listed_with_what_it_does() -> None:
    said = run("--help").stdout
    for stage in stages.names():
        assert f"{stage} " in said
        assert stages.summary(stage)
        assert stages.summary(stage)[:30] in said
    assert "verify" in said


def test_what_is_said_of_arguments_is_the_docstrings() -> None:
    said = run("encode", "--help").stdout
    assert "A hexplane store, or a mesh file, which is normalised and rendered first." in said
    assert "--model" in said
    assert "--spec" in said
    assert "--code" not in said
    assert "The normalised mesh, beside which" in run("normalise", "--help").stdout


def test_a_mistyped_command_is_guessed() -> None:
    done = run("rendr")
    assert done.returncode == 2
    assert "Did you mean 'render'" in done.stderr


def test_sources_come_from_the_standard_input(tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("a.obj", "b.obj")]
    done = run("check", "-", stdin="\n".join(files))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [f"error: {file}: no such file" for file in files]


def test_what_another_study_found_sound_is_kept(tmp_path: Path) -> None:
    import trimesh

    known = tmp_path / "checked.json"
    for name in ("a", "b"):
        trimesh.creation.box().export(tmp_path / f"{name}.obj")
        check.run([tmp_path / f"{name}.obj"], known=known)
    (tmp_path / "a.obj").chmod(0o600)
    assert all(f"{name}.obj" in known.read_text() for name in ("a", "b"))
    (tmp_path / "a.obj").unlink()
    trimesh.creation.box().export(tmp_path / "c.obj")
    check.run([tmp_path / "c.obj"], known=known)
    assert "a.obj" not in known.read_text()


@pytest.mark.parametrize("heads", [0, -1])
def test_so_few_heads_cannot_be_trained_on(tmp_path: Path, heads: int) -> None:
    split = tmp_path / "split.json"
    split.write_text('{"train": ["a", "b"]}')
    with pytest.raises(UserError, match=f"--heads: {heads}"):
        train.run(tmp_path / "model", split, heads=heads)


def test_a_damaged_file_of_settings_is_named_and_not_printed(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text("a: [1\nb: 2\nc: }")
    done = run("render", "a.ply", "b.zarr", "--spec", f"@{file}")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [f"error: --spec: not readable as YAML or JSON: @{file}"]
