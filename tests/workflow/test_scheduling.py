"""What `workflow/rules/scheduling.smk` changes in Snakemake; groups are in test_profiles.py."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.project import ROOT

pytestmark = pytest.mark.slow

SNAKEFILE = """
include: "{rules}"

rule all:
    input: expand("{{i}}.txt", i=range({jobs}))

rule one:
    output: "{{i}}.txt"
    shell: "sleep {seconds}; touch {{output}}"
"""


def run(folder: Path, jobs: int, seconds: float, *options: str) -> tuple[float, int]:
    """Seconds that jobs took which wait for nothing, and how often Snakemake looked for one."""
    rules = ROOT / "workflow/rules/scheduling.smk"
    text = SNAKEFILE.format(rules=rules, jobs=jobs, seconds=seconds)
    (folder / "Snakefile").write_text(text)
    command = [sys.executable, "-m", "snakemake", "--scheduler=greedy", "--verbose", *options]
    started = time.monotonic()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(list(folder.glob("*.txt"))) == jobs
    return time.monotonic() - started, len(re.findall(r"Ready jobs: \d+", done.stderr))


def test_snakemake_looks_for_jobs_once_a_job_and_once_a_second(tmp_path: Path) -> None:
    jobs = 24
    seconds, looks = run(tmp_path, jobs, 0.2, "--cores=1")
    # Left to itself it looks once a second more for each job that has ended: 70 times in all.
    assert looks <= jobs + seconds + 2


def test_jobs_that_a_rate_limit_holds_back_are_started_later(tmp_path: Path) -> None:
    run(tmp_path, 9, 0, "--cores=9", "--max-jobs-per-timespan=3/1s")
    ended = [file.stat().st_mtime for file in tmp_path.glob("*.txt")]
    assert max(ended) - min(ended) > 1.5  # the first three at once, the last three 2 s later
