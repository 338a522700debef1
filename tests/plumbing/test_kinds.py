"""Kinds that are found by their files, in packages of their own."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hexplane.plumbing.errors import UserError
from hexplane.plumbing.kinds import any_of, found_settings
from hexplane.plumbing.parse import parse_spec
from hexplane.plumbing.settings import Settings

PACKAGE = "kinds_of_a_test"
SETTINGS = """\
from typing import Literal

from hexplane.plumbing.settings import Settings


class Base(Settings):
    kind: str


class {name}Settings(Base):
    kind: Literal["{kind}"] = "{kind}"
    {field}: int = 1
"""
ROUND = SETTINGS.format(name="Round", kind="round", field="radius")
SQUARE = SETTINGS.format(name="Square", kind="square", field="side")

Found = Callable[[dict[str, str]], dict[str, type[Any]]]


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Found]:
    """Finds the kinds of a package of these files."""
    monkeypatch.syspath_prepend(tmp_path)

    def find(files: dict[str, str]) -> dict[str, type[Any]]:
        folder = tmp_path / PACKAGE
        folder.mkdir()
        for name, text in {"__init__.py": "", **files}.items():
            (folder / name).write_text(text)
        importlib.invalidate_caches()
        return found_settings(PACKAGE, [str(folder)])

    yield find
    for name in [own for own in sys.modules if own.split(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.fixture
def shapes(found: Found) -> dict[str, type[Any]]:
    """Two kinds, whose work nothing may load before one is built."""
    broken = "raise AssertionError('loaded')\n"
    others = {"round.py": broken, "square.py": broken, "common.py": broken, "notes.txt": ""}
    return found({"square_settings.py": SQUARE, "round_settings.py": ROUND, **others})


def _holder(shape: Any) -> type[Settings]:
    """Settings with a shape among them."""
    return type("Holder", (Settings,), {"__annotations__": {"shape": shape}})


def _message(kind: type[Settings], text: str) -> str:
    with pytest.raises(UserError) as caught:
        parse_spec(kind, text)
    (line,) = str(caught.value).splitlines()
    return line


def test_kinds_are_those_with_a_file_of_settings(shapes):
    assert list(shapes) == ["round", "square"]
    assert [own.__name__ for own in shapes.values()] == ["RoundSettings", "SquareSettings"]
    assert [own().kind for own in shapes.values()] == ["round", "square"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "class RoundSettings:\n    kind = 'round'\n",
        "from hexplane.plumbing.settings import Settings as RoundSettings\n",
        SQUARE,
        ROUND.replace(' = "round"', ""),  # names the kind, but not by default
    ],
    ids=["nothing", "no settings", "no kind", "another kind", "no default"],
)
def test_a_file_of_settings_without_its_class_is_an_error(found, text):
    says = rf"{PACKAGE}\.round_settings: no settings class whose kind is 'round' by default"
    with pytest.raises(TypeError, match=says):
        found({"round_settings.py": text, "square_settings.py": SQUARE})


def test_a_setting_is_of_the_kind_that_it_names(shapes):
    holder = _holder(any_of(shapes))
    for kind, field in (("round", "radius"), ("square", "side")):
        shape = parse_spec(holder, f"{{shape: {{kind: {kind}, {field}: 3}}}}").shape
        assert type(shape) is shapes[kind]
        assert getattr(shape, field) == 3
        # As an object, too.
        assert holder(shape=shape).shape == shape
        assert holder.model_validate(holder(shape=shape).model_dump()).shape == shape


def test_the_error_of_an_unknown_kind_names_the_allowed_ones(shapes):
    line = _message(_holder(any_of(shapes)), "{shape: {kind: oval}}")
    assert line.startswith("--spec.shape: unknown kind (allowed: round, square)")
    assert "'oval'" in line


@pytest.mark.parametrize("value", ["{}", "{radius: 3}", "3", "null", "{kind: null}"])
def test_a_kind_has_to_be_named_where_there_is_no_default(shapes, value):
    line = _message(_holder(any_of(shapes)), f"{{shape: {value}}}")
    assert line.startswith("--spec.shape: unknown kind (allowed: round, square)")


@pytest.mark.parametrize("value", ["[round]", "{round: 1}", "7"])
def test_a_kind_that_is_no_word_is_an_unknown_one(shapes, value):
    line = _message(_holder(any_of(shapes)), f"{{shape: {{kind: {value}}}}}")
    assert line.startswith("--spec.shape: unknown kind (allowed: round, square)")


def test_the_keys_of_another_kind_are_unknown(shapes):
    line = _message(_holder(any_of(shapes)), "{shape: {kind: round, side: 3}}")
    assert line == "--spec.shape: unknown key 'side' (allowed: kind, radius)"


def test_a_setting_that_names_no_kind_is_of_the_default_one(shapes):
    holder = _holder(any_of(shapes, "square"))
    for text in ("{}", "{side: 1}", "{kind: square}"):
        assert type(parse_spec(holder, f"{{shape: {text}}}").shape) is shapes["square"]
    assert type(parse_spec(holder, "{shape: {kind: round}}").shape) is shapes["round"]
    line = _message(holder, "{shape: {kind: oval}}")
    assert line.startswith("--spec.shape: unknown kind (allowed: round, square)")


def test_one_kind_alone_is_the_setting_itself(found):
    shapes = found({"round_settings.py": ROUND})
    assert any_of(shapes, "round") is any_of(shapes) is shapes["round"]
    holder = _holder(any_of(shapes))
    assert parse_spec(holder, "{shape: {}}").shape == shapes["round"]()
    assert "'round'" in _message(holder, "{shape: {kind: oval}}")
    with pytest.raises(ValidationError):
        holder(shape={"side": 1})
