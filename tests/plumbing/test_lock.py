"""Locks of killed workflows are removed; those of running ones are not."""

import subprocess
import sys
from pathlib import Path

from hexplane.plumbing.lock import take_over

HOLDS = """
import sys
from pathlib import Path
from hexplane.plumbing.lock import take_over
held = take_over(Path(sys.argv[1]))
print("holds", flush=True)
input()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "holds\n"
    return process


def test_a_lock_lives_as_long_as_a_workflow(tmp_path: Path) -> None:
    folder = tmp_path / ".snakemake"
    lock = folder / "locks/0.input.lock"
    first = holder(folder)
    lock.parent.mkdir()
    lock.write_text("a.obj")
    second = holder(folder)  # of other files in the same folder, say
    assert lock.exists()
    first.kill()
    first.wait()
    third = holder(folder)
    assert lock.exists()  # the second one runs
    for process in (second, third):
        process.kill()
        process.wait()
    held = take_over(folder)
    assert held is not None and not lock.parent.exists()
    held.close()


def test_without_locks_of_the_system_snakemakes_stay(tmp_path: Path) -> None:
    lock = tmp_path / ".snakemake/locks/0.input.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("a.obj")
    (tmp_path / ".snakemake/hexplane.running").mkdir()  # nothing to lock there
    assert take_over(tmp_path / ".snakemake") is None
    assert lock.exists()
