"""Code digests, import closures, manifests and verification."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh

from hexplane.plumbing import files
from hexplane.plumbing import manifests as provenance
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.manifests import Job, import_closure, mismatches
from hexplane.plumbing.verify import verify_results
from hexplane.store import write_samples

STAGES = ["check", "normalise", "render", "sample", "oracle", "evaluate", "report"]
LEARNING = ["train", "encode", "extract", "interpolate", "diagnose"]

# A package whose stage reaches helpers in every way that Python allows.
PACKAGE = {
    "__init__.py": '"""Fake."""\nfrom hexplane.atop import ROOF\n',
    "atop.py": "ROOF = 1\n",
    "stages/__init__.py": "from hexplane import side\n",
    "side.py": "SIDE = 1\n",
    "stages/render.py": (
        '"""Doc."""\n'
        "import hexplane.direct\n"
        "from hexplane import sibling as other\n"
        "from hexplane.group import member\n"
        "def run():\n"
        '    """Doc."""\n'
        "    from hexplane.lazy import helper\n"
        "    return helper() + 1\n"
    ),
    "direct.py": "from hexplane.deep import DEPTH\n",
    "deep.py": "DEPTH = 1\n",
    "sibling.py": "X = 1\n",
    "group/__init__.py": "GROUP = 1\n",
    "group/member.py": "MEMBER = 1\n",
    "lazy.py": "def helper():\n    return 2  # two\n",
    "unrelated.py": "Y = 1\n",
}
REACHED = sorted(set(PACKAGE) - {"unrelated.py"})


@pytest.fixture
def fake(tmp_path, monkeypatch) -> Path:
    """Folder of the fake package, in the place of the real one."""
    package = tmp_path / "hexplane"
    for name, text in PACKAGE.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    monkeypatch.setattr(provenance, "PACKAGE", package)
    _forget()
    yield package
    _forget()


def _forget() -> None:
    for cached in (provenance.code_digest, provenance._parsed):
        cached.cache_clear()


def _digest() -> str:
    _forget()
    return provenance.code_digest("hexplane.stages.render")


def test_closure_follows_every_kind_of_import(fake):
    names = {"hexplane." + f.removesuffix(".py").replace("/", ".") for f in REACHED}
    names = {name.removesuffix(".__init__") for name in names}
    assert import_closure("hexplane.stages.render") == names


@pytest.mark.parametrize("name", REACHED)
def test_changed_code_changes_the_digest(fake, name):
    before = _digest()
    with (fake / name).open("a") as stream:
        stream.write("ADDED = 1\n")
    assert _digest() != before


def test_changed_value_and_new_import_change_the_digest(fake):
    digests = {_digest()}
    lazy = fake / "lazy.py"
    lazy.write_text(lazy.read_text().replace("return 2", "return 3"))
    digests.add(_digest())
    lazy.write_text("from hexplane import unrelated\n" + lazy.read_text())
    digests.add(_digest())
    (fake / "unrelated.py").write_text("Y = 2\n")
    digests.add(_digest())
    assert len(digests) == 4


def test_what_is_not_imported_changes_nothing(fake):
    before = _digest()
    (fake / "unrelated.py").write_text("Y = 2\n")
    assert _digest() == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Doc."""\n', ""),
        ('"""Doc."""\n', '"""Other."""\n'),
        ('    """Doc."""\n', ""),
        ("return helper() + 1", "return (\n        helper()\n        + 1\n    )  # why"),
        ("def run():\n", "\n\n# about\ndef run( ) :\n"),
    ],
)
def test_comments_docstrings_and_formatting_change_nothing(fake, old, new):
    before = _digest()
    stage = fake / "stages/render.py"
    text = stage.read_text()
    assert old in text
    stage.write_text(text.replace(old, new, 1))
    assert _digest() == before


def test_a_string_that_is_used_is_no_docstring(fake):
    before = _digest()
    (fake / "lazy.py").write_text('def helper():\n    return "two"\n')
    middle = _digest()
    (fake / "lazy.py").write_text('def helper():\n    return "three"\n')
    assert len({before, middle, _digest()}) == 3


def test_no_module_imports_in_a_way_that_the_closure_cannot_follow():
    for path in provenance.PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, path
                assert [alias.name for alias in node.names] != ["*"], path


def _python(code: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=cwd,
        env={"PYTHONPATH": str(provenance.PACKAGE.parent), "PATH": "", "OMP_NUM_THREADS": "1"},
    )
    return done.stdout


def test_stages_without_torch_load_none_and_closures_cover_what_is_loaded(tmp_path):
    # One process for all: what one stage may not load, the others may not either.
    stages = [f"hexplane.stages.{name}" for name in STAGES]
    code = (
        "import importlib, json, sys\n"
        "loaded = {}\n"
        f"for stage in {stages}:\n"
        "    for name in [n for n in sys.modules if n.split('.')[0] == 'hexplane']:\n"
        "        del sys.modules[name]\n"
        "    importlib.import_module(stage)\n"
        "    loaded[stage] = [n for n in sys.modules if n.split('.')[0] == 'hexplane']\n"
        "print(json.dumps([loaded, 'torch' in sys.modules]))\n"
    )
    loaded, torch = json.loads(_python(code, tmp_path))
    assert not torch
    for stage, modules in loaded.items():
        assert stage in modules
        assert set(modules) <= import_closure(stage)


def test_running_the_mesh_stages_loads_no_torch(tmp_path):
    trimesh.creation.icosphere(2).export(tmp_path / "ball.obj")
    code = (
        "import sys; from pathlib import Path\n"
        "from hexplane.stages import check, evaluate, normalise, oracle, render, sample\n"
        "from hexplane.settings.evaluate import EvaluateSettings\n"
        "from hexplane.settings.extract import OracleSettings\n"
        "from hexplane.settings.normalise import NormaliseSettings\n"
        "from hexplane.settings.render import RenderSettings\n"
        "from hexplane.settings.distances import DistancesSettings\n"
        "mesh, views, solid = Path('m/ball.ply'), Path('h/ball.zarr'), Path('o/ball.ply')\n"
        "check.run([Path('ball.obj')], Path('checked.json'))\n"
        "normalise.run(Path('ball.obj'), mesh, NormaliseSettings())\n"
        "render.run(mesh, views, RenderSettings(resolution=16, backend='embree'))\n"
        "sample.run(mesh, Path('s/ball.zarr'), DistancesSettings(near=9, uniform=9))\n"
        "oracle.run(views, mesh, solid, OracleSettings(resolution=16))\n"
        "evaluate.run(solid, mesh, Path('e/ball.json'), EvaluateSettings(samples=100))\n"
        "print('torch' in sys.modules)"
    )
    assert _python(code, tmp_path).strip() == "False"
    assert verify_results(tmp_path) == "5 manifests verified, all files match"
    iou = json.loads((tmp_path / "e/ball.json").read_text())["metrics"]["iou"]
    assert iou > 0.8


def test_config_and_plan_need_no_more_than_pydantic(tmp_path):
    # The workflow imports them whenever it is parsed, in every job again.
    heavy = ["torch", "numpy", "trimesh", "zarr", "igl"]
    code = (
        "import sys; import hexplane.plan, hexplane.cli\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    assert _python(code, tmp_path).strip() == "[]"


@pytest.mark.parametrize("stage", STAGES)
def test_closure_of_a_mesh_stage_holds_nothing_of_the_network(stage):
    closure = import_closure(f"hexplane.stages.{stage}")
    assert not [
        name for name in closure if name.startswith(("hexplane.model", "hexplane.training"))
    ]


def test_closures_tell_the_stages_apart():
    assert "hexplane.training.loop" in import_closure("hexplane.stages.train")
    assert "hexplane.training.loop" not in import_closure("hexplane.stages.extract")
    assert "hexplane.geometry.fusion" in import_closure("hexplane.stages.extract")
    assert "hexplane.geometry.fusion" not in import_closure("hexplane.stages.train")
    # What a network decodes is measured only by its diagnostics.
    diagnose = import_closure("hexplane.stages.diagnose")
    assert diagnose >= {
        "hexplane.metrics.comparison",
        "hexplane.geometry.fusion",
        "hexplane.training.objective",
    }
    assert "hexplane.training.objective" in import_closure("hexplane.stages.train")
    assert "hexplane.metrics.comparison" not in import_closure("hexplane.stages.train")
    for stage in ("extract", "encode"):
        closure = import_closure(f"hexplane.stages.{stage}")
        assert not {name for name in closure if name.startswith("hexplane.training")}
        assert "hexplane.model.likelihood" in closure
    # Reached by an import inside a function.
    assert "hexplane.rendering.embree" in import_closure("hexplane.stages.render")
    assert "hexplane.metrics.comparison" not in import_closure("hexplane.stages.render")


@pytest.mark.parametrize("stage", [*STAGES, *LEARNING])
def test_no_stage_depends_on_the_command_line_or_the_plan(stage):
    closure = import_closure(f"hexplane.stages.{stage}")
    assert not closure & {"hexplane.cli", "hexplane.plan", "hexplane.config"}


def test_data_files_of_the_page_are_part_of_its_code(tmp_path, monkeypatch):
    copy = tmp_path / "hexplane"
    shutil.copytree(provenance.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "PACKAGE", copy)
    _forget()
    before = provenance.code_digest("hexplane.stages.report")
    for file in sorted((copy / "report").glob("*.html")):
        file.write_text(file.read_text() + "<p>new</p>")
    _forget()
    after = provenance.code_digest("hexplane.stages.report")
    _forget()
    assert after != before


def test_stage_refuses_changed_source():
    module = "hexplane.stages.render"
    assert Job(module, {}, provenance.code_digest(module)).name == "render"
    with pytest.raises(UserError, match=r"render: the source changed .*planned 0123456789abcdef"):
        Job(module, {}, "0123456789abcdef")


def test_canonical_json_is_one_spelling():
    assert provenance.canonical_json({"b": [1, 2.5], "a": None}) == '{"a":null,"b":[1,2.5]}'
    assert provenance.digest({"a": 1, "b": 2}) == provenance.digest({"b": 2, "a": 1})
    assert provenance.digest({"a": 1, "b": 2}) != provenance.digest({"a": 2, "b": 1})


def _samples(folder: Path, value: float, seconds: float = 0.0, **spec) -> Path:
    """A store and its manifest, as a stage would write them."""
    folder.mkdir(parents=True, exist_ok=True)
    job = Job("hexplane.stages.distances", spec, None)
    job.started -= seconds
    output = folder / "ada.zarr"
    write_samples(output, np.full((4, 3), value, "f4"), np.full(4, 2.0, "f4"))
    manifest = provenance.manifest_path(output)
    job.write_manifest(manifest, [output], inputs={"mesh": "m"}, note="n")
    return manifest


def test_manifest_says_what_the_result_was_made_from(tmp_path):
    path = _samples(tmp_path, 1.0, seed=3)
    assert path.name == "ada.manifest.json"
    manifest = json.loads(path.read_text())
    assert manifest["stage"] == "sample"
    assert manifest["spec"] == {"seed": 3}
    assert manifest["code"] == provenance.code_digest("hexplane.stages.distances")
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
    one = _samples(one, 1.0, seconds=5, seed=1)
    same = _samples(same, 1.0, seconds=50, seed=2)
    other = _samples(other, 1.5)
    assert json.loads(one.read_text())["seconds"] != json.loads(same.read_text())["seconds"]
    stores = [manifest.with_name("ada.zarr") for manifest in (one, same, other)]
    first, second, third = map(provenance.content_digest, stores)
    assert first == second
    assert first != third
    one.unlink()  # a store that came without its manifest
    assert provenance.content_digest(stores[0]) == first


def test_recorded_transform_is_that_of_the_manifest_beside(tmp_path):
    mesh = tmp_path / "ada.ply"
    mesh.write_text("x")
    assert provenance.recorded_transform(mesh) is None
    job = Job("hexplane.stages.normalise", {}, None)
    job.write_manifest(tmp_path / "ada.json", [mesh], source_to_canonical=[[1.0]])
    assert provenance.recorded_transform(mesh) == [[1.0]]


def test_untouched_results_verify(tmp_path):
    manifest = _samples(tmp_path / "sdf", 1.0)
    assert mismatches(manifest) == []
    assert verify_results(tmp_path) == "1 manifests verified, all files match"


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
    manifest = _samples(tmp_path / "sdf", 1.0)
    _samples(tmp_path / "sound", 1.0)
    damage(tmp_path / "sdf/ada.zarr")
    with pytest.raises(UserError) as caught:
        verify_results(tmp_path)
    *lines, rebuild = str(caught.value).splitlines()
    assert f"{tmp_path / 'sdf' / line}" in lines
    assert rebuild == (
        "rebuild, with the run's own --configfile or --config if any: "
        f"snakemake --cores all --forcerun {manifest}"
    )
    if damage is not shutil.rmtree:
        assert len(lines) == 1


def test_verify_goes_on_after_a_damaged_manifest(tmp_path):
    first, second = (_samples(tmp_path / part, 1.0) for part in ("hexplanes", "sdf"))
    first.write_text("{")
    _delete(second.with_name("ada.zarr"))
    with pytest.raises(UserError) as caught:
        verify_results(tmp_path)
    one, two, rebuild = str(caught.value).splitlines()
    assert one == f"{first}: not a readable manifest"
    assert two.startswith(str(second.parent)) and two.endswith("missing")
    assert rebuild.endswith(f"--forcerun {first} {second}")


def test_verify_knows_what_the_report_was_made_from(tmp_path):
    (tmp_path / "metrics").mkdir()
    read, table = tmp_path / "metrics/ada.txt", tmp_path / "metrics/summary.csv"
    for file in (read, table):
        file.write_text("1")
    page = tmp_path / "report/index.html"
    page.parent.mkdir()
    page.write_text("page")
    Job("hexplane.stages.report", {}, None).write_manifest(
        provenance.manifest_path(page),
        [page],
        inputs={"metrics/ada.txt": files.sha256(read)},
        tables={"metrics/summary.csv": files.sha256(table)},
    )
    assert verify_results(tmp_path) == "1 manifests verified, all files match"
    for file in (read, table):
        file.write_text("2")
        with pytest.raises(UserError) as caught:
            verify_results(tmp_path)
        line, rebuild = str(caught.value).splitlines()
        assert line == f"{file}: altered, or rebuilt after the report"
        assert rebuild.endswith(f"--forcerun {file}")
        file.write_text("1")


def test_numbers_that_are_not_finite_become_null_in_a_manifest(tmp_path):
    (tmp_path / "a.ply").write_text("mesh")
    Job("hexplane.stages.extract", {}, None).write_manifest(
        tmp_path / "a.json", [tmp_path / "a.ply"], low=float("nan"), steps=[{"high": float("inf")}]
    )
    manifest = json.loads((tmp_path / "a.json").read_text())
    assert (manifest["low"], manifest["steps"]) == (None, [{"high": None}])


def test_verify_lists_all_damages_of_all_stores(tmp_path):
    for name in ("one", "two"):
        _samples(tmp_path / name, 1.0)
        _alter(tmp_path / name / "ada.zarr")
        _delete(tmp_path / name / "ada.zarr")
    with pytest.raises(UserError) as caught:
        verify_results(tmp_path)
    assert len(str(caught.value).splitlines()) == 5


def test_verify_without_manifests(tmp_path):
    (tmp_path / "other.json").write_text('{"format": "else"}')
    with pytest.raises(UserError, match="no manifests here"):
        verify_results(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"format": "hexplane manifest 0"}'])
def test_unreadable_manifest(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"a\.json: not"):
        provenance.read_manifest(path)
