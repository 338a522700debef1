"""What a user gets wrong: one clear line, exit status not 0, no traceback, nothing written."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml
from snakemake.utils import update_config

from hexplane.cli import main
from hexplane.config import parse_config
from hexplane.geometry.meshes import normalise
from hexplane.plan import Plan
from hexplane.plumbing.errors import UserError
from support.project import Project, bump

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that never ran."""
    project = Project(tmp_path_factory.mktemp("fresh"))
    (project.folder / "split.json").write_text('{"train": ["missing"]}')
    normalise(bump(0), "y")[0].export(project.folder / "canonical.ply")
    (project.folder / "scans.json").write_text('{"train": "scans"}')
    return project


def errors(done: subprocess.CompletedProcess[str]) -> list[str]:
    printed = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Traceback" not in printed
    return [line for line in printed.splitlines() if line.startswith("error: ")]


@pytest.mark.parametrize(
    ("setting", "names"),
    [
        ("training={stepz: 3}", ("training", "'stepz'", "allowed: steps")),
        ("training={clip_norm: .inf}", ("training.clip_norm", "valid number", "'.inf'")),
        ("split={test: 1.0}", ("error: split.test: '1.0' (allowed: a share less than 1",)),
        ("split={test: [nobody]}", ("split.test", "'nobody'", "there are: a, b, c")),
    ],
)
def test_configuration(fresh: Project, setting: str, names: tuple[str, ...]) -> None:
    lines = errors(fresh.snakemake("--cores", "1", "--config", setting))
    assert lines
    assert all(name in "\n".join(lines) for name in names), lines
    assert not (fresh.folder / "results").exists()


@pytest.mark.parametrize(
    ("setting", "names"),
    [
        ("trainning={steps: 3}", ("'trainning'", "allowed: study, seed")),
        ("study=../elsewhere", ("study", "letters, digits")),
        ("render={resolution: big}", ("render.resolution", "integer", "'big'")),
        ("render={resolution: 4}", ("render.resolution", "greater than or equal to 16")),
        ("arms={summary.csv: {features: occupancy}}", ("arms.summary.csv", "taken: a table")),
        (
            "evaluation={heads: 3}",
            ("evaluation.heads: input should be 'all' or 'test', or a valid",),
        ),
        ("split={validation: [a, b], test: [c]}", ("split", "no mesh left to train on")),
        ("split={validation: [b], test: [b]}", ("split", "'b' is held out twice")),
        ('meshes={files: ["none/*.obj"]}', ("meshes.files", "no file matches 'none/*.obj'")),
        ("meshes={up: x}", ("meshes.up", "'y' or 'z'")),
        ("model={latent_resolution: 24}", ("latent_resolution", "32", "24")),
        ("evaluation={heads: [nobody]}", ("evaluation.heads", "'nobody'", "there are: a, b, c")),
        (
            "arms={ae-depth-normal: {likelihood: bernoulli}}",
            ("arms.ae-depth-normal.likelihood", "depth_normal", "learned_sigma"),
        ),
        ("arms={oracle-x: {features: occupancy}}", ("oracle-x",)),
        ("arms={vae-occupancy: {features: colour}}", ("features", "'depth_normal'")),
        (
            "arms={vae-occupancy: {training: {stepz: 3}}}",
            ("arms.vae-occupancy.training", "'stepz'"),
        ),
    ],
)
def test_more_of_it(
    fresh: Project, monkeypatch: pytest.MonkeyPatch, setting: str, names: tuple[str, ...]
) -> None:
    """As the Snakefile does it, without Snakemake's start."""
    monkeypatch.chdir(fresh.folder)
    values = yaml.safe_load((fresh.folder / "config.yaml").read_text())
    key, _, value = setting.partition("=")
    update_config(values, {key: yaml.safe_load(value)})
    with pytest.raises(UserError) as refused:
        plan = Plan(parse_config(values), Path.cwd())
        plan.split, plan.evaluated  # noqa: B018
    assert all(name in refused.value.told for name in names), refused.value.told


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"training: {steps: 3}\ntraining: {batch: 2}\n", "'training' is there twice"),
        (b"study: caf\xe9\n", "not UTF-8 text (byte 10)"),
        (b"study: " + b"[" * 5000, "not readable as YAML or JSON"),
    ],
)
def test_files_that_snakemake_would_read_wrongly_or_not(
    fresh: Project, content: bytes, says: str
) -> None:
    config = fresh.folder / "config.yaml"
    before = config.read_bytes()
    config.write_bytes(content)
    (line,) = errors(fresh.snakemake("-n"))
    config.write_bytes(before)
    assert line.startswith(f"error: config.yaml: {says}")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            b"split: {test: 0.5}\nsplit: {validation: 0}\n",
            "'split' is there twice, in lines 1 and 2",
        ),
        (b"study: caf\xe9\n", "not UTF-8 text (byte 10)"),
        (b"study: " + b"[" * 5000, "not readable as YAML or JSON (nested too deeply)"),
        (b'{"study": ' + b"[" * 100_000, "not readable as YAML or JSON (nested too deeply)"),
        (b"study: a\0b\n", "not readable as YAML or JSON (character 9 is none of a text)"),
        (b"- study\n", "expected key: value pairs, got ['study']"),
        (b"", "expected key: value pairs, got None"),
        (
            b"__use_yte__: true\n__definitions__: [import os, os.mkdir('ran')]\nstudy: a\n",
            "unknown key '__use_yte__' (allowed: study, seed",
        ),
        (None, "no such file"),
    ],
)
def test_configfiles_are_looked_at_before_snakemake_reads_them(
    fresh: Project, content: bytes | None, says: str
) -> None:
    own = fresh.folder / "own.yaml"
    own.unlink(missing_ok=True)
    if content is not None:
        own.write_bytes(content)
    (line,) = errors(fresh.snakemake("-n", "--configfile", "own.yaml"))
    assert line.startswith(f"error: own.yaml: {says}")
    assert not (fresh.folder / "ran").exists()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("training.steps=3",), "--config: write training='{steps: 3}' in the place of"),
        (("study=a", "training"), "--config: 'training' is no key=value"),
        (("9=3",), "--config: unknown key '9' (allowed: study, seed"),
        (("study=#1",), "--config: study has no value"),
        (("training={steps: 3, steps: 4}",), "--config: training: 'steps' is there twice"),
        (("study=a", "--config", "seed=3"), "--config is there twice"),
    ],
)
def test_entries_are_looked_at_before_snakemake_reads_them(
    fresh: Project, given: tuple[str, ...], says: str
) -> None:
    (line,) = errors(fresh.snakemake("-n", "--config", *given))
    assert line.startswith(f"error: {says}")


def test_a_template_in_the_shipped_place_is_not_run(fresh: Project) -> None:
    config = fresh.folder / "config.yaml"
    before = config.read_text()
    config.write_text(f"__use_yte__: true\n__definitions__: [import os, os.mkdir('ran')]\n{before}")
    (line,) = errors(fresh.snakemake("-n"))
    config.write_text(before)
    assert line.startswith("error: config.yaml: unknown key '__use_yte__'")
    assert not (fresh.folder / "ran").exists()


def test_the_projects_own_folder_need_not_be_the_current_one(fresh: Project) -> None:
    elsewhere = fresh.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "config.yaml").write_bytes((fresh.folder / "config.yaml").read_bytes())
    snakefile = str(fresh.folder / "Snakefile")
    options = ("-n", "-s", snakefile, "-d", "elsewhere", "--config", "training.steps=3")
    (line,) = errors(fresh.snakemake(*options))
    assert "write training=" in line


def test_folders_with_a_dash_and_with_braces(fresh: Project) -> None:
    for folder in ("-d", "{x}"):
        (fresh.folder / folder).mkdir()
        bump(4).export(fresh.folder / folder / "d.ply")
    chosen = ("--config", 'meshes={files: ["scans/*", "-d/*"]}', "study=dashed")
    mesh = "results/dashed/meshes/d.ply"
    done = fresh.snakemake("--cores", "1", mesh, *chosen)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (fresh.folder / mesh).is_file()
    shutil.rmtree(fresh.folder / "results")
    (line,) = errors(fresh.snakemake("-n", "--config", 'meshes={files: ["{x}/*"]}'))
    assert line.startswith("error: meshes.files: {x}/d.ply: rename it (no braces")


def test_a_project_in_a_folder_with_braces(tmp_path: Path) -> None:
    (tmp_path / "{x}").mkdir()
    (line,) = errors(Project(tmp_path / "{x}").snakemake("-n"))
    assert line.startswith(f"error: {tmp_path}/{{x}}: rename it (no braces")


def test_two_files_of_one_name(fresh: Project) -> None:
    twin = fresh.folder / "scans/a.off"
    bump(1).export(twin)
    (line,) = errors(fresh.snakemake("--cores", "1"))
    assert "scans/a.off" in line
    assert "scans/a.ply" in line
    assert not (fresh.folder / "results").exists()
    twin.unlink()


def test_all_bad_meshes_are_named_before_any_work(fresh: Project) -> None:
    scans = fresh.folder / "scans"
    nan = bump(5)
    nan.vertices = np.where(np.arange(len(nan.vertices))[:, None] == 7, np.nan, nan.vertices)
    nan.export(scans / "nan.obj")
    (scans / "empty.ply").write_bytes(b"")
    whole = bump(6).export(file_type="glb")
    (scans / "cut.glb").write_bytes(whole[: len(whole) // 2])
    lines = errors(fresh.snakemake("--cores", "2"))
    named = {line.split(": ")[1] for line in lines}
    assert named == {"scans/nan.obj", "scans/empty.ply", "scans/cut.glb"}
    written = {path.relative_to(fresh.folder / "results").parts[1] for path in made(fresh)}
    assert written <= {"logs", "benchmarks", "read"}  # what the check read of sound meshes
    for name in ("nan.obj", "empty.ply", "cut.glb"):
        (scans / name).unlink()


def made(project: Project) -> list[Path]:
    return [path for path in (project.folder / "results").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("normalise", "missing.obj", "out.ply"), "missing.obj"),
        (("normalise", "config.yaml", "out.ply"), "config.yaml"),
        (("normalise", "scans/b.obj", "scans/b.obj/x.ply"), "scans/b.obj/x.ply: no folder"),
        (("normalise", "scans/b.obj", "/proc/x.ply"), "/proc/x.ply: cannot be written"),
        (("render", "canonical.ply", "/proc/x.zarr"), "/proc/x.zarr: cannot be written"),
        (("distances", "canonical.ply", "out.zarr", "--spec={near: 1e30}"), "--spec.near: "),
        (("distances", "canonical.ply", "out.zarr", "--spec={near: 1, near: 2}"), "'near' is"),
        (("render", "missing.ply", "out.zarr"), "missing.ply"),
        (("render", "scans/a.ply", "out.zarr", "--spec={size: 3}"), "'size'"),
        (("encode", "scans/a.ply", "--model=nowhere"), "nowhere"),
        (("extract", "nothing.zarr", "--model=nowhere"), "nowhere"),
        (("train", "out", "split.json"), "missing.manifest.json"),
        (("train", "out", "nowhere.json"), "nowhere.json"),
        (("train", "out", "config.yaml"), "config.yaml"),
        (("train", "out", "scans.json"), "scans.json"),
        (("diagnose", "nowhere", "out.json", "--spec={heads: {train: [a]}}"), "nowhere"),
        (("diagnose", "nowhere", "out.json"), "heads"),
        (("diagnose", "nowhere", "out.json", "--spec={heads: {held_out: [a]}}"), "train"),
        (("diagnose", "nowhere", "out.json", "--spec={heads: {tests: [a]}}"), "tests"),
        (("evaluate", "canonical.ply", "missing.ply", "out.json"), "missing.ply"),
        (("verify", "nowhere"), "nowhere"),
    ],
)
def test_commands(
    fresh: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    name: str,
) -> None:
    monkeypatch.chdir(fresh.folder)
    monkeypatch.setattr("sys.argv", ["hexplane", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    (line,) = [own for own in capsys.readouterr().err.splitlines() if own.startswith("error: ")]
    assert name in line
    assert not list(fresh.folder.glob("out*"))


def test_a_command_of_its_own(fresh: Project) -> None:
    (line,) = errors(fresh.command("hexplane", "normalise", "missing.obj", "out.ply"))
    assert "missing.obj" in line
