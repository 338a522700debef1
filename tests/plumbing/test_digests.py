"""Code digests and import closures: what a stage depends on, and what it does not."""

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trimesh

from hexplane import plumbing
from hexplane.model import bottlenecks, codecs
from hexplane.model.bottlenecks.gaussian_settings import GaussianSettings
from hexplane.plumbing import digests, verify
from hexplane.plumbing.digests import import_closure
from hexplane.settings.train import TrainingSettings, TrainSettings

STAGES = ["check", "normalise", "render", "distances", "oracle", "evaluate", "report"]
STAGES += ["draco", "mean", "solid", "classical", "silhouettes", "paper"]
LEARNING = ["train", "encode", "extract", "interpolate", "diagnose", "rates", "draw"]
LEARNING += ["novelty"]
CHOSEN = TrainSettings(bottleneck=GaussianSettings()).modules()

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

# What talks beside what it computes, in every way that digests tell apart.
TALKING = '''\
"""Doc."""
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import BaseModel, Field, field_validator

from hexplane.plumbing.errors import UserError
from hexplane.table import Metric

if TYPE_CHECKING:
    from hexplane.unrelated import Y

__version__ = "1.0"
SERVED = True
LIMIT = 3
Share = Annotated[float, Field(ge=0, description="Share of all.")]
ROW = Metric("iou", 1, label="IoU", better=1, digits=3, column=2)


class XSettings(BaseModel):
    """Doc."""

    steps: int = Field(5, ge=1, description="Steps of it.")
    rate: float = 0.5

    @field_validator("steps")
    @classmethod
    def _even(cls, steps: int) -> int:
        if steps % 2:
            raise ValueError(f"{steps} is odd")
        return steps

    @property
    def double(self) -> int:
        return 2 * self.steps


class YSection(XSettings):
    size: int = 7


@dataclass(frozen=True)
class Item:
    width: int
    height: int = 2
    made: ClassVar[int] = 0

    if TYPE_CHECKING:
        other: "Y"


def work(first: int, second: int = 4, *rest: int, progress: object = None) -> int:
    total: int = first + second
    assert total, "nothing there"
    progress.say("at work")
    print("so far", total)
    warnings.warn("slow", stacklevel=2)
    if total > LIMIT:
        raise UserError("too large")
    try:
        return total // first
    except ZeroDivisionError as error:
        raise UserError(f"{total} by nothing") from error
'''
TALKING_FILES = {
    "stages/talk.py": "from hexplane.talking import work\n",
    "talking.py": TALKING,
    "table.py": "def Metric(*values, **shown):\n    return values\n",
    "plumbing/__init__.py": "FORMAT = 1\n",
    "plumbing/errors.py": "from hexplane.reporter import ASIDE\nclass UserError(Exception): ...\n",
    "reporter.py": "ASIDE = 1\n",
    "report/__init__.py": "",
    "report/page.py": "from hexplane.talking import ROW\n",
}


@pytest.fixture
def fake(tmp_path, monkeypatch) -> Iterator[Path]:
    """Folder of the fake package, in the place of the real one."""
    package = tmp_path / "hexplane"
    for name, text in PACKAGE.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    monkeypatch.setattr(digests, "PACKAGE", package)
    digests.forget()
    yield package
    digests.forget()


def _digest() -> str:
    digests.forget()
    return digests.code_digest("hexplane.stages.render")


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


@pytest.fixture
def talking(fake) -> Path:
    """Folder of the fake package, with a stage that talks."""
    for name, text in TALKING_FILES.items():
        (fake / name).parent.mkdir(exist_ok=True)
        (fake / name).write_text(text)
    return fake


def _of_talk(*chosen: str) -> str:
    digests.forget()
    return digests.code_digest("hexplane.stages.talk", chosen)


def _edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, old
    file.write_text(text.replace(old, new))


def _changes(talking: Path, old: str, new: str, *chosen: str) -> bool:
    """Whether an edit of the talking module changes the digest of the stage that imports it."""
    before = _of_talk(*chosen)
    _edit(talking / "talking.py", old, new)
    return _of_talk(*chosen) != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # What is said.
        ('UserError("too large")', 'UserError("larger than it may be")'),
        ('UserError("too large")', 'UserError(f"{total} is too large", total)'),
        ('UserError(f"{total} by nothing")', 'UserError(f"{first} of {total}: {error}")'),
        ('ValueError(f"{steps} is odd")', 'ValueError("steps: " + str(steps))'),
        ('progress.say("at work")', 'progress.say(f"{total} done")'),
        ('    progress.say("at work")\n', ""),
        ('print("so far", total)', 'print("so far", total, flush=True)'),
        ('    print("so far", total)\n', '    print("one")\n    print("two")\n'),
        ('warnings.warn("slow", stacklevel=2)', 'warnings.warn("very slow", stacklevel=3)'),
        ('assert total, "nothing there"', "assert total"),
        ('assert total, "nothing there"', 'assert total, f"{total}"'),
        ('description="Share of all."', 'description="Part of it."'),
        ('Field(ge=0, description="Share of all.")', "Field(ge=0)"),
        # What only readers and type checkers see.
        ("(first: int,", "(first: float,"),
        ("second: int = 4", "second=4"),
        ("*rest: int", "*rest"),
        ("progress: object = None) -> int:", "progress=None):"),
        ("def double(self) -> int:", 'def double(self) -> "XSettings":'),
        ("total: int = first", "total = first"),
        ("total: int = first", "total: float = first"),
        ("    total: int = first", "    part: int\n    total: int = first"),
        ("    from hexplane.unrelated import Y\n", "    from hexplane.lazy import helper\n"),
        ("if TYPE_CHECKING:\n    from hexplane.unrelated import Y\n", ""),
        ('\n    if TYPE_CHECKING:\n        other: "Y"\n', ""),
        ("TYPE_CHECKING, Annotated, ClassVar", "TYPE_CHECKING, Annotated, Any, ClassVar"),
        ("import warnings\n", "from __future__ import annotations\nimport warnings\n"),
        # What a module says of itself.
        ('__version__ = "1.0"', '__version__ = "2.0"'),
        ("SERVED = True\n", ""),
        ("LIMIT = 3\n", 'LIMIT = 3\n__all__ = ["work"]\n'),
        # Fields of settings: the spec holds their values.
        ('Field(5, ge=1, description="Steps of it.")', 'Field(6, ge=1, description="Steps.")'),
        ('Field(5, ge=1, description="Steps of it.")', "Field(5, ge=0, le=9)"),
        ("rate: float = 0.5", "rate: float = 0.25"),
        ("    rate: float = 0.5\n", "    rate: float = 0.5\n    more: int = 1\n"),
        ("    rate: float = 0.5\n", ""),
        ("size: int = 7", "size: int = 8"),
        ("    size: int = 7\n", '    """Doc."""\n'),
        # How a metric is shown, where no page is made.
        ('label="IoU"', 'label="Overlap"'),
        ("better=1", "better=-1"),
        ("digits=3, ", ""),
        # What only reports and checks.
        (
            "import UserError\n",
            "import UserError\nfrom hexplane.plumbing.progress import Progress\n",
        ),
        ("import UserError\n", "import UserError\nfrom hexplane import plumbing\n"),
    ],
)
def test_an_edit_that_cannot_change_a_result_changes_nothing(talking, old, new):
    (talking / "plumbing/progress.py").write_text("class Progress: ...\n")
    assert not _changes(talking, old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ("first + second", "first - second"),
        ("total > LIMIT", "total >= LIMIT"),
        ("second: int = 4", "second: int = 5"),
        ("second: int = 4", "second: int"),
        ("(first: int, second: int = 4", "(second: int = 4, first: int = 4"),
        ("total: int = first", "total: int = 2 * first"),
        ("assert total,", "assert total > 1,"),
        ('raise UserError("too large")', 'raise KeyError("too large")'),
        ('raise UserError("too large")', "return LIMIT"),
        (' by nothing") from error', ' by nothing") from None'),
        ("except ZeroDivisionError", "except ArithmeticError"),
        ("Field(ge=0, description", "Field(ge=1, description"),
        # Classes that are no settings.
        ("    width: int\n", "    width: float\n"),
        ("    width: int\n", "    width: int\n    depth: int\n"),
        ("height: int = 2", "height: int = 3"),
        ("made: ClassVar[int]", "made: int"),
        ("@dataclass(frozen=True)", "@dataclass"),
        ("class Item:", "class Item(XSettings):"),
        # What settings do with their values.
        ("steps % 2", "steps % 3"),
        ("return 2 * self.steps", "return 3 * self.steps"),
        ('field_validator("steps")', 'field_validator("steps", mode="before")'),
        ("class XSettings(BaseModel):", "class XSettings(Item):"),
        ("    rate: float = 0.5\n", "    rate = 0.5\n"),
        ("class YSection(XSettings):", "class YSection(BaseModel):"),
        # A metric itself, and where it stands.
        ('Metric("iou", 1', 'Metric("iou", 2'),
        ("column=2", "column=3"),
        # What is made of a value is not only said.
        ('    print("so far", total)\n', '    said = print("so far", total)\n'),
        (
            "if TYPE_CHECKING:\n    from hexplane.unrelated",
            "if LIMIT:\n    from hexplane.unrelated",
        ),
        ("    from hexplane.unrelated import Y\n", "    pass\nelse:\n    Y = 1\n"),
    ],
)
def test_an_edit_that_can_change_a_result_changes_the_digest(talking, old, new):
    # Where a page is made too, all the more.
    for chosen in ((), ("hexplane.report.page",)):
        assert _changes(talking, old, new, *chosen)
        (talking / "talking.py").write_text(TALKING)


@pytest.mark.parametrize(
    ("old", "new"),
    [('label="IoU"', 'label="Overlap"'), ("better=1", "better=-1"), ("digits=3, ", "")],
)
def test_how_a_metric_is_shown_counts_where_a_page_is_made(talking, old, new):
    assert _changes(talking, old, new, "hexplane.report.page")


def test_what_is_imported_for_types_alone_is_in_no_closure(talking):
    closure = import_closure("hexplane.stages.talk")
    assert closure == {
        *("hexplane", "hexplane.atop", "hexplane.stages", "hexplane.side"),
        *("hexplane.stages.talk", "hexplane.talking", "hexplane.table"),
    }
    inside = '\n    if TYPE_CHECKING:\n        other: "Y"\n'
    loading = inside + "    else:\n        from hexplane.unrelated import Y\n"
    _edit(talking / "talking.py", inside, loading)
    digests.forget()
    assert import_closure("hexplane.stages.talk") == closure | {"hexplane.unrelated"}


@pytest.mark.parametrize("name", ["plumbing/__init__.py", "plumbing/errors.py", "reporter.py"])
@pytest.mark.parametrize("edit", ["ADDED = 1\n", "from hexplane.unrelated import Y\n"])
def test_no_edit_of_the_plumbing_changes_a_digest(talking, name, edit):
    before = _of_talk()
    with (talking / name).open("a") as stream:
        stream.write(edit)
    assert _of_talk() == before


def test_the_plumbings_format_changes_every_digest(talking, monkeypatch):
    before = _of_talk(), _digest()
    monkeypatch.setattr(plumbing, "FORMAT", plumbing.FORMAT + 1)
    after = _of_talk(), _digest()
    assert not set(before) & set(after)


def test_modules_that_settings_choose_are_part_of_the_code(talking):
    kinds = ("hexplane.kinds.one", "hexplane.kinds.two")
    for name, text in (
        ("__init__", ""),
        ("one", "from hexplane.lazy import helper\n"),
        ("two", ""),
    ):
        (talking / "kinds").mkdir(exist_ok=True)
        (talking / f"kinds/{name}.py").write_text(text)
    plain, one, both = _of_talk(), _of_talk(kinds[0]), _of_talk(*kinds)
    assert len({plain, one, both}) == 3
    assert _of_talk(*reversed(kinds)) == both
    (talking / "kinds/two.py").write_text("TWO = 2\n")
    assert (_of_talk(), _of_talk(kinds[0])) == (plain, one)
    assert _of_talk(*kinds) != both
    # What a chosen module imports counts as well.
    _edit(talking / "lazy.py", "return 2", "return 3")
    assert _of_talk() == plain
    assert _of_talk(kinds[0]) != one


def test_a_string_that_is_used_is_no_docstring(fake):
    before = _digest()
    (fake / "lazy.py").write_text('def helper():\n    return "two"\n')
    middle = _digest()
    (fake / "lazy.py").write_text('def helper():\n    return "three"\n')
    assert len({before, middle, _digest()}) == 3


def test_no_module_imports_in_a_way_that_the_closure_cannot_follow():
    for path in digests.PACKAGE.rglob("*.py"):
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
        env={"PYTHONPATH": str(digests.PACKAGE.parent), "PATH": "", "OMP_NUM_THREADS": "1"},
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
        counting = {name for name in modules if not name.startswith("hexplane.plumbing")}
        assert counting <= import_closure(stage)


def test_closures_of_the_learning_stages_cover_what_is_loaded(tmp_path):
    code = (
        "import importlib, json, sys\n"
        f"for stage in {LEARNING}: importlib.import_module(f'hexplane.stages.{{stage}}')\n"
        f"for module in {CHOSEN}: importlib.import_module(module)\n"
        "print(json.dumps([n for n in sys.modules if n.split('.')[0] == 'hexplane']))\n"
    )
    loaded = json.loads(_python(code, tmp_path))
    assert set(CHOSEN) <= set(loaded)
    covered = set().union(*(_closure(stage) for stage in LEARNING))
    # Settings of all kinds are looked for; those of the chosen kinds count.
    others = {f"{package.__name__}.{kind}_settings"
              for package in (bottlenecks, codecs) for kind in package.KINDS}  # fmt: skip
    others -= {f"{name}_settings" for name in CHOSEN}
    assert "hexplane.model.bottlenecks.deterministic_settings" in others
    assert not others & covered
    counting = {name for name in loaded if not name.startswith("hexplane.plumbing")}
    assert counting - others <= covered


def test_running_the_mesh_stages_loads_no_torch(tmp_path):
    trimesh.creation.icosphere(2).export(tmp_path / "ball.obj")
    code = (
        "import sys; from pathlib import Path\n"
        "from hexplane.stages import check, distances, evaluate, normalise, oracle, render\n"
        "from hexplane.settings.evaluate import EvaluateSettings\n"
        "from hexplane.settings.extract import OracleSettings\n"
        "from hexplane.settings.normalise import NormaliseSettings\n"
        "from hexplane.settings.render import RenderSettings\n"
        "from hexplane.settings.distances import DistancesSettings\n"
        "mesh, views, solid = Path('m/ball.ply'), Path('h/ball.zarr'), Path('o/ball.ply')\n"
        "check.run([Path('ball.obj')], known=Path('checked.json'))\n"
        "normalise.run(Path('ball.obj'), mesh, NormaliseSettings())\n"
        "render.run(mesh, views, RenderSettings(resolution=16, backend='embree'))\n"
        "distances.run(mesh, Path('s/ball.zarr'), DistancesSettings(near=9, uniform=9))\n"
        "oracle.run(views, mesh, solid, OracleSettings(resolution=16))\n"
        "evaluate.run(solid, mesh, Path('e/ball.json'), EvaluateSettings(samples=100))\n"
        "print('torch' in sys.modules)"
    )
    assert _python(code, tmp_path).strip() == "False"
    assert verify.run(tmp_path) == "5 manifests verified, all files match"
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


def _closure(stage: str) -> set[str]:
    """Of a stage, with the modules that its settings choose."""
    return import_closure(f"hexplane.stages.{stage}", *(CHOSEN if stage in LEARNING else ()))


def test_closures_tell_the_stages_apart():
    assert "hexplane.training.loop" in _closure("train")
    assert "hexplane.training.loop" not in _closure("extract")
    assert "hexplane.geometry.fusion" in _closure("extract")
    assert "hexplane.geometry.fusion" not in _closure("train")
    with_snapshots = TrainSettings(training=TrainingSettings(snapshots=[1])).training_modules()
    assert "hexplane.geometry.fusion" in import_closure("hexplane.stages.train", *with_snapshots)
    # What a network decodes is measured only by its diagnostics.
    diagnose = _closure("diagnose")
    assert diagnose >= {
        "hexplane.metrics.comparison",
        "hexplane.geometry.fusion",
        "hexplane.training.objective",
    }
    assert "hexplane.training.objective" in _closure("train")
    assert "hexplane.metrics.comparison" not in _closure("train")
    for stage in ("extract", "encode"):
        closure = _closure(stage)
        assert not {name for name in closure if name.startswith("hexplane.training")}
        assert "hexplane.model.likelihood" in closure
    # The chosen kinds, with their settings' methods, and no other kind.
    for stage in LEARNING:
        kinds = {*CHOSEN, *(f"{name}_settings" for name in CHOSEN)}
        assert _closure(stage) >= kinds
        assert not import_closure(f"hexplane.stages.{stage}") & kinds
        assert "hexplane.model.bottlenecks.deterministic" not in _closure(stage)
    # Reached by an import inside a function.
    assert "hexplane.rendering.embree" in _closure("render")
    assert "hexplane.metrics.comparison" not in _closure("render")


@pytest.mark.parametrize("stage", [*STAGES, *LEARNING, "parameters"])
def test_no_stage_depends_on_the_command_line_or_the_plan(stage):
    closure = _closure(stage)
    assert not closure & {"hexplane.cli", "hexplane.plan", "hexplane.config"}


def test_data_files_of_the_page_are_part_of_its_code(tmp_path, monkeypatch):
    copy = tmp_path / "hexplane"
    shutil.copytree(digests.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(digests, "PACKAGE", copy)
    digests.forget()
    before = digests.code_digest("hexplane.stages.report")
    for file in sorted((copy / "report/web").glob("*.html")):
        file.write_text(file.read_text() + "<p>new</p>")
    digests.forget()
    after = digests.code_digest("hexplane.stages.report")
    digests.forget()
    assert after != before


def test_canonical_json_is_one_spelling():
    assert digests.canonical_json({"b": [1, 2.5], "a": None}) == '{"a":null,"b":[1,2.5]}'
    assert digests.digest({"a": 1, "b": 2}) == digests.digest({"b": 2, "a": 1})
    assert digests.digest({"a": 1, "b": 2}) != digests.digest({"a": 2, "b": 1})
