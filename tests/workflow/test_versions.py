"""Parts of Snakemake are replaced where that was tested; elsewhere it is left as it is."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.project import ROOT

SNAKEFILE = """
import snakemake
from snakemake.dag import DAG
from snakemake.scheduling.job_scheduler import JobScheduler

{before}

PARTS = [
    (DAG, "validate_group"), (DAG, "_check_groups"), (JobScheduler, "_schedule_reevalutation")
]
own = [getattr(owner, name, None) for owner, name in PARTS]

include: "{rules}"

kept = [getattr(owner, name, None) for owner, name in PARTS] == own
with open("kept.txt", "w") as stream:
    stream.write(str(kept))

rule all:
    input: expand("{{i}}.txt", i=range(3))

rule one:
    output: "{{i}}.txt"
    group: "together"
    shell: "touch {{output}}"
"""


def run(folder: Path, before: str) -> tuple[bool, str]:
    """Whether Snakemake's own parts were kept, and what it said."""
    rules = ROOT / "workflow/rules/scheduling.smk"
    (folder / "Snakefile").write_text(SNAKEFILE.format(before=before, rules=rules))
    command = [sys.executable, "-m", "snakemake", "--scheduler=greedy", "--cores=1"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert all((folder / f"{i}.txt").is_file() for i in range(3))
    return (folder / "kept.txt").read_text() == "True", done.stderr


def test_the_tested_version_is_replaced_and_nothing_is_said(tmp_path: Path) -> None:
    kept, said = run(tmp_path, "")
    assert not kept
    assert "slower" not in said


RENAMED = """
DAG._renamed = DAG._check_groups
del DAG._check_groups
DAG.__getattr__ = lambda dag, name: getattr(dag, {"_check_groups": "_renamed"}.get(name, ""))
"""
"""A part under another name, which the rest of Snakemake calls by it."""


@pytest.mark.parametrize(
    "before",
    ['snakemake.__version__ = "9.99.0"', 'snakemake.__version__ = "10.0.0"', RENAMED],
    ids=["minor", "major", "renamed"],
)
def test_any_other_is_left_alone_and_one_line_says_so(tmp_path: Path, before: str) -> None:
    kept, said = run(tmp_path, before)
    assert kept
    assert len(re.findall("planning many jobs will be slower", said)) == 1


def test_the_pin_ends_where_the_tested_version_does() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert '"snakemake>=9.27,<9.28"' in text
    assert 'TESTED = "9.27."' in (ROOT / "workflow/rules/scheduling.smk").read_text()
