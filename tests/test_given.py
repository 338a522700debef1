"""What Snakemake is given is looked at first: what it would stumble over is one line before."""

from pathlib import Path
from random import Random

import pytest
from snakemake.cli import parse_config

from hexplane.given import check_command_line
from hexplane.plumbing.errors import UserError

KEYS = [
    "study",
    "training",
    "seed",
    "x",
    "9",
    "",
    "a b",
    "_a",
    "a-",
    "meshes.up",
    "caf\u00e9",
    "a\nb",
]
VALUES = [
    "3",
    "",
    "#",
    " ",
    "~",
    "null",
    "'",
    '"#"',
    "---",
    "...",
    "{a: 1}",
    "{a: 1, a: 2}",
    "[",
    "=",
    "\t",
]


def said(
    entries: list[str], words: list[str] | None = None, files: list[Path] | None = None
) -> str:
    try:
        check_command_line(words or [], entries, files or [])
    except UserError as error:
        return str(error)
    return ""


def test_what_passes_snakemake_reads() -> None:
    """Any entry of which nothing is said has to be one that Snakemake's own reader takes."""
    rng = Random(0)
    passed = 0
    for _ in range(3000):
        parts = [rng.choice(KEYS), rng.choice(["=", "=", "=", "", "=="]), *rng.choices(VALUES, k=2)]
        entry = "".join(parts[: rng.choice((2, 3, 4))])
        if not said([entry]):
            parse_config([entry])
            passed += 1
    assert passed > 300


@pytest.mark.parametrize(
    "entry", ["seed=1", "meshes={files: [a.ply], up: z}", "study=", "seed=1=2"]
)
def test_what_snakemake_reads_rightly_passes(entry: str) -> None:
    assert not said([entry])


def test_each_mistake_is_a_line(tmp_path: Path) -> None:
    words = ["-n", "-C", "9=1", "--config=study", "--configfile", "a", "--", "--configfile", "b"]
    lines = said(["9=1", "seed=1", "study"], words, [tmp_path / "a"]).split("\n")
    assert [line.split(" ")[0] for line in lines] == [
        *("--config", "--config:", "--config:", f"{tmp_path / 'a'}:")
    ]


def test_dots_become_braces() -> None:
    assert "write arms='{ae: {training: {steps: 3}}}' in" in said(["arms.ae.training.steps=3"])
