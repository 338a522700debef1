"""The command line, as it is built from the stages."""

import inspect
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from hexplane import cli, stages
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.parse import parse_spec
from hexplane.plumbing.texts import parse_yaml
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


@pytest.mark.parametrize("stage", stages.names())
def test_the_example_in_a_stages_help_is_one_that_it_takes(stage: str) -> None:
    settings = inspect.signature(import_module(f"hexplane.stages.{stage}").run, eval_str=True)
    if "settings" not in settings.parameters:
        return
    kind = settings.parameters["settings"].annotation
    said = cli._of_settings(kind)
    assert all(name in said for name in kind.model_fields)
    found = re.search(r"e\.g\. '(.+)';", said)
    if found:
        given = parse_yaml(found[1])
        required = [name for name, field in kind.model_fields.items() if field.is_required()]
        try:
            parse_spec(kind, found[1])
        except UserError as error:  # only for what has to be given as well
            assert str(error).splitlines() == [
                f"--spec.{name}: field required" for name in required
            ]
        assert set(given) <= set(kind.model_fields)
    else:
        assert stage in ("paper", "report")  # of which nothing has a default to show


def test_the_help_of_encode_says_what_it_takes() -> None:
    said = " ".join(run("encode", "--help").stdout.split())
    assert "'{up: y}'" in said
    assert "resolution" not in said.split("--spec")[1]


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


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"cache_gb": float("nan")}, "--cache-gb: nan (allowed: 0 to 1e+06)"),
        ({"cache_gb": float("inf")}, "--cache-gb: inf (allowed: 0 to 1e+06)"),
        ({"devices": 10**18}, "--devices: 1000000000000000000 (allowed: 0 to 4096)"),
    ],
)
def test_numbers_that_no_machine_has(tmp_path: Path, options: dict[str, float], says: str) -> None:
    with pytest.raises(UserError) as caught:
        train.run(tmp_path / "model", tmp_path / "split.json", **options)
    assert str(caught.value) == says


def test_a_damaged_file_of_settings_is_named_and_not_printed(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text("a: [1\nb: 2\nc: }")
    done = run("render", "a.ply", "b.zarr", "--spec", f"@{file}")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [f"error: --spec: not readable as YAML or JSON: @{file}"]
