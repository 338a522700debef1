"""Verification knows which results belong together, and which are missing."""

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hexplane.plumbing import verify
from hexplane.plumbing.digests import digest
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import read_json, sha256, write_json
from hexplane.plumbing.manifests import Job, manifest_path, read_manifest
from hexplane.settings.render import RenderSettings
from hexplane.stages import normalise, render
from support.project import bump


def made(stage: str, path: Path, text: str, inputs: dict[str, str], **facts: Any) -> dict[str, Any]:
    """A result of some text, a file or a store, and what its manifest says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zarr":
        path.mkdir()
        (path / "zarr.json").write_text(text)
    else:
        path.write_text(text)
    model = path.name == "model.safetensors"
    manifest = path.with_name("manifest.json") if model else manifest_path(path)
    Job(f"hexplane.stages.{stage}", None).write_manifest(manifest, [path], inputs, **facts)
    return read_manifest(manifest)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A finished study of two heads and an arm, each result a few letters."""
    folder = tmp_path / "my heads"
    root = folder / "results/default"
    (folder / "scans").mkdir(parents=True)
    weights: dict[str, str] = {}
    for name in "ab":
        scan = folder / f"scans/{name}.obj"
        scan.write_text(name)
        mesh = root / f"meshes/{name}.ply"
        transform = [[1.0, 0.0], [0.0, 1.0]]
        source = {"source": sha256(scan)}
        made("normalise", mesh, f"mesh {name}", source, source_to_canonical=transform)
        views = made("render", root / f"hexplanes/{name}.zarr", name, {"mesh": sha256(mesh)})
        weights[f"train/{name}"] = views["content"]
    model = root / "models/ae/model.safetensors"
    made("train", model, "weights", weights)
    for name in "ab":
        store = root / f"latents/ae/{name}.zarr"
        inputs = {"model": sha256(model), "hexplane": weights[f"train/{name}"]}
        latent = made("encode", store, f"latent {name}", inputs)
        back = root / f"reconstructions/ae/{name}.ply"
        inputs = {"model": sha256(model), "latent": latent["content"]}
        made("extract", back, f"back {name}", inputs)
    made("report", root / "report/index.html", "page", {})
    results = [path.relative_to(folder).as_posix() for path in sorted(root.rglob("*.json"))]
    specs = {name: digest({}) for name in results if not name.endswith("zarr.json")}
    sources = {name: f"scans/{name}.obj" for name in "ab"}
    write_json(root / "plan/results.json", {"results": specs, "sources": sources})
    write_json(root / "plan/config.json", {"study": "default"})
    assert verify.run(root) == f"{len(specs)} manifests verified, all files match"
    return root


def faults(study: Path) -> list[str]:
    """Lines of the verification, with paths relative to the study; the last one is the remedy."""
    with pytest.raises(UserError) as caught:
        verify.run(study)
    return str(caught.value).replace(f"{study}/", "").splitlines()


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = read_json(path)
    change(manifest)
    path.write_text(json.dumps(manifest, indent=2) + "\n")


def test_a_manifest_that_is_gone_is_missed(study: Path) -> None:
    (study / "meshes/b.json").unlink()
    lines = faults(study)
    assert lines[0] == "meshes/b.json: missing"
    assert lines[1].endswith("--forcerun results/default/meshes/b.json")
    assert len(lines) == 2


@pytest.mark.parametrize("plan", [True, False])
def test_a_store_without_its_manifest_is_named(study: Path, plan: bool) -> None:
    if not plan:
        (study / "plan/results.json").unlink()
    for manifest in ("hexplanes/a.manifest.json", "models/ae/manifest.json"):
        (study / manifest).unlink()
    assert sorted(faults(study)[:-1]) == [
        "hexplanes/a.manifest.json: missing",
        "models/ae/manifest.json: missing",
    ]


def test_latents_of_an_arm_that_are_gone_are_missed(study: Path) -> None:
    shutil.rmtree(study / "latents")
    *lines, rebuild = faults(study)
    assert lines == [f"latents/ae/{name}.manifest.json: missing" for name in "ab"]
    assert rebuild.count("results/default/latents/ae/") == 2


def test_all_results_that_are_gone_are_missed(study: Path) -> None:
    for folder in study.iterdir():
        if folder.name not in ("plan", "report"):
            shutil.rmtree(folder)
    planned = read_json(study / "plan/results.json")["results"]
    assert len(faults(study)) == len(planned)  # but for the report, and with the remedy


def test_what_a_run_has_not_come_to_is_not_missed(study: Path) -> None:
    for folder in ("report", "reconstructions"):
        shutil.rmtree(study / folder)
    assert verify.run(study) == "7 manifests verified, all files match"


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest["source_to_canonical"][0].__setitem__(0, 2.0),
        lambda manifest: manifest.update(content="0" * 16),
        lambda manifest: manifest["inputs"].update(source="0" * 64),
        lambda manifest: manifest.update(code="0" * 16),
        lambda manifest: manifest.pop("source_to_canonical"),
    ],
    ids=["transform", "content", "inputs", "code", "a fact less"],
)
def test_a_manifest_that_was_edited_is_named(study: Path, change: Any) -> None:
    edit(study / "meshes/a.json", change)
    lines = faults(study)
    assert lines[0] == "meshes/a.json: altered"
    assert len(lines) == 2


def test_results_of_another_study_are_stale(study: Path) -> None:
    """Whole by themselves, but of other meshes and weights than are there."""
    shutil.rmtree(study / "hexplanes/a.zarr")
    made("render", study / "hexplanes/a.zarr", "other", {"mesh": "0" * 64})
    shutil.rmtree(study / "latents/ae/b.zarr")
    views = read_manifest(study / "hexplanes/b.manifest.json")["content"]
    inputs = {"model": "0" * 64, "hexplane": views}
    made("encode", study / "latents/ae/b.zarr", "other", inputs)
    assert sorted(faults(study)[:-1]) == [
        "hexplanes/a.manifest.json: stale, made from another meshes/a.ply than is there",
        "latents/ae/a.manifest.json: stale, made from another hexplanes/a.zarr than is there",
        "latents/ae/b.manifest.json: stale, "
        "made from another models/ae/model.safetensors than is there",
        "models/ae/manifest.json: stale, made from another hexplanes/a.zarr than is there",
        "reconstructions/ae/b.json: stale, made from another latents/ae/b.zarr than is there",
    ]


def test_a_source_that_was_replaced_is_noticed(study: Path) -> None:
    scan = study.parents[1] / "scans/a.obj"
    scan.write_text("older")
    assert faults(study)[0] == f"meshes/a.json: stale, made from another {scan} than is there"
    scan.unlink()  # moved away by its owner: nothing to compare with
    verify.run(study)


def test_results_of_other_settings_are_stale(study: Path) -> None:
    plan = read_json(study / "plan/results.json")
    plan["results"]["results/default/models/ae/manifest.json"] = digest({"steps": 9})
    write_json(study / "plan/results.json", plan)
    assert faults(study)[0] == "models/ae/manifest.json: stale, made with other settings"


def test_manifests_of_older_versions_are_stale(study: Path) -> None:
    edit(study / "meshes/a.json", lambda manifest: manifest.pop("digest"))
    assert faults(study)[0] == "meshes/a.json: stale, written by an older version"


def test_what_is_no_longer_planned_is_no_target(study: Path) -> None:
    """Snakemake knows no rule for it."""
    plan = read_json(study / "plan/results.json")
    plan["results"] = {name: spec for name, spec in plan["results"].items() if "/ae/" not in name}
    write_json(study / "plan/results.json", plan)
    verify.run(study)
    (study / "latents/ae/a.zarr/zarr.json").write_text("altered")
    (study / "meshes/a.ply").write_text("altered")
    lines = faults(study)
    assert lines[2] == (
        "latents/ae/a.manifest.json: no part of the study as it is planned now: "
        "remove it and what it describes"
    )
    assert lines[3].endswith("--forcerun results/default/meshes/a.json")


def test_the_remedy_can_be_pasted_anywhere(
    study: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = study.parents[1]
    (study / "meshes/b.json").unlink()
    (folder / "Snakefile").touch()
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/snakemake").touch()
    commands = set()
    for place, given in ((tmp_path, study), (folder, Path("results")), (study, Path("../default"))):
        monkeypatch.chdir(place)
        with pytest.raises(UserError) as caught:
            verify.run(given)
        said, _, command = str(caught.value).splitlines()[-1].partition(": ")
        assert said == "rebuild"
        commands.add(command)
    (command,) = commands
    assert shlex.split(command) == [
        *("cd", str(folder), "&&", ".venv/bin/snakemake", "--cores", "all"),
        *("--configfile", "results/default/plan/config.json"),
        *("--forcerun", "results/default/meshes/b.json"),
    ]


def test_stages_say_what_verification_compares(tmp_path: Path) -> None:
    """A hexplane of real stages, whose mesh is then made anew from something else."""
    root = tmp_path / "results/default"
    for seed in (0, 1):
        bump(seed).export(tmp_path / f"{seed}.ply")
    mesh = root / "meshes/a.ply"
    normalise.run(tmp_path / "0.ply", mesh)
    render.run(mesh, root / "hexplanes/a.zarr", RenderSettings(resolution=16, backend="embree"))
    assert verify.run(root) == "2 manifests verified, all files match"
    normalise.run(tmp_path / "1.ply", mesh)
    assert faults(root)[0] == (
        "hexplanes/a.manifest.json: stale, made from another meshes/a.ply than is there"
    )
