"""Splits as they are drawn and as they are read; the plan's own are in test_config.py."""

import json

import pytest

from hexplane.plumbing.errors import UserError
from hexplane.plumbing.splits import read_split
from hexplane.split import in_turn, not_held_out, split_heads

HEADS = ["ada", "bea", "cleo", "dora"]


def _refused(call, *arguments) -> str:
    """The one line that a call is refused with."""
    with pytest.raises(UserError) as caught:
        call(*arguments)
    (line,) = str(caught.value).splitlines()
    return line


@pytest.mark.parametrize(
    ("held_out", "line"),
    [
        (
            {"test": ["eve"], "validation": []},
            "split.test: no mesh named 'eve' (there are: ada, bea, cleo, dora)",
        ),
        (
            {"test": ["ada"], "validation": ["bea", "ada"]},
            "split.validation: 'ada' is held out twice",
        ),
        ({"test": ["ada", "ada"], "validation": 0.25}, "split.test: 'ada' is held out twice"),
        (
            {"test": ["ada", "bea"], "validation": 0.5},
            "split: no mesh left to train on: of 4, 2 go to validation and 2 to test",
        ),
    ],
)
def test_a_split_that_cannot_be_is_one_plain_line(held_out, line):
    assert _refused(split_heads, HEADS, held_out, 0) == line


def test_no_more_than_eight_names_are_listed():
    many = [f"head-{i}" for i in range(30)]
    line = _refused(split_heads, many, {"test": ["x"], "validation": 0.1}, 0)
    assert line.endswith("(there are: " + ", ".join(many[:8]) + ")")


def test_a_split_is_read_as_it_was_written(tmp_path):
    file = tmp_path / "split.json"
    split = split_heads(HEADS, {"test": ["cleo"], "validation": 0.25}, 3)
    file.write_text(json.dumps(split))
    assert read_split(file) == split
    assert sorted(name for names in split.values() for name in names) == HEADS


def test_parts_that_are_not_there_are_empty(tmp_path):
    file = tmp_path / "split.json"
    file.write_text('{"train": ["ada"]}')
    assert read_split(file) == {"train": ["ada"], "validation": [], "test": []}


@pytest.mark.parametrize("count", [2, 3, 4])
def test_it_is_said_that_so_few_heads_leave_none_to_hold_out(count):
    wanted = {"test": 0.125, "validation": 0.125}
    heads = [f"h{i}" for i in range(count)]
    split = split_heads(heads, wanted, 0)
    assert split["train"] == heads
    assert f"No head is held out, because 0.125 of {count} rounds to none" in not_held_out(
        split, wanted
    )


def test_what_is_held_out_or_was_not_asked_for_needs_no_warning():
    five = split_heads("abcde", {"test": 0.125, "validation": 0.125}, 0)
    assert not_held_out(five, {"test": 0.125, "validation": 0.125}) == ""
    assert len(five["test"]) == 1
    for wanted in ({"test": 0.0, "validation": 0}, {"test": [], "validation": 0}):
        assert not_held_out(split_heads("ab", wanted, 0), wanted) == ""
    assert (
        not_held_out(split_heads("ab", {"test": ["a"], "validation": 0.1}, 0), {"test": ["a"]})
        == ""
    )


def test_other_families_are_no_part_of_a_split(tmp_path):
    file = tmp_path / "split.json"
    file.write_text('{"train": ["ada"], "test": ["bea"], "others": {"ict": ["eve"]}}')
    assert read_split(file) == {"train": ["ada"], "validation": [], "test": ["bea"]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file"),
        ("{", "not readable as JSON"),
        (b"\xff\xfe\x00", "not UTF-8 text (byte 0)"),
        ('{"train": ["ada"], "train": ["eve"]}', "'train' is there twice"),
        ("[" * 100_000, "not readable as JSON"),
        *(
            (text, "not a split (allowed: lists of names by train, validation, test)")
            for text in (
                "[]",
                "null",
                '{"trian": ["ada"]}',
                '{"train": "ada"}',
                '{"train": ["ada", 3]}',
                '{"train": ["../ada"]}',
                '{"train": ["a\\u0000"]}',
                '{"train": {"ada": 1}}',
                '{"train": ["ada"], "other": {"ict": ["eve"]}}',
            )
        ),
    ],
)
def test_a_file_that_is_no_split_is_one_plain_line(tmp_path, content, says):
    file = tmp_path / "split.json"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert _refused(read_split, file) == f"{file}: {says}"


def test_a_folder_is_no_split(tmp_path):
    assert _refused(read_split, tmp_path) == f"{tmp_path}: not a file"


def test_heads_are_shown_in_turn_the_held_out_ones_first():
    split = {"train": ["a", "b", "c"], "validation": ["d"], "test": ["e", "f"]}
    assert in_turn(split, "abcdef") == ["e", "d", "a", "f", "b", "c"]
    assert in_turn(split, {"b", "f"}) == ["f", "b"]
    families = {**split, "ict": ["i", "j"], "scans": ["s"]}
    assert in_turn(families, "abcdefijs") == ["e", "d", "a", "i", "s", "f", "b", "j", "c"]
