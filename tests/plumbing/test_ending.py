"""A process that is asked to end takes its temporaries away, and ends with its workflow."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hexplane.plumbing import ending
from hexplane.plumbing.files import remove_left_over, replacing

WRITES = """
import sys, time
from pathlib import Path
from hexplane.plumbing.ending import end_orderly, end_with
from hexplane.plumbing.files import replacing
end_orderly()
if len(sys.argv) > 2:
    end_with(int(sys.argv[2]))
with replacing(Path(sys.argv[1])) as temporary:
    temporary.mkdir()
    (temporary / "part").write_text("1")
    print("writes", flush=True)
    time.sleep(60)
"""


def writer(target: Path, *owner: str) -> subprocess.Popen[str]:
    """A process in the middle of writing a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITES, str(target), *owner], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "writes\n"
    assert len(list(target.parent.iterdir())) == 1
    return process


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("times", [1, 3])
def test_a_signal_leaves_no_temporary(tmp_path: Path, asked: signal.Signals, times: int) -> None:
    process = writer(tmp_path / "store")
    for _ in range(times):
        process.send_signal(asked)
    assert process.wait(20) == 128 + asked
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("reaped", [True, False])
def test_a_process_ends_with_its_owner(tmp_path: Path, reaped: bool) -> None:
    owner = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = writer(tmp_path / "store", str(owner.pid))
    owner.kill()
    if reaped:
        owner.wait()
    assert process.wait(20) == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())
    owner.wait()


def test_an_owner_that_ended_before_is_noticed(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", ""])
    owner.wait()
    assert not ending.runs(owner.pid)
    began = time.monotonic()
    ending.wait_for_end(owner.pid)
    assert time.monotonic() - began < 5


def test_who_hears_no_signal_is_ended_all_the_same() -> None:
    deaf = "import sys; from hexplane.plumbing import ending; ending.GRACE = 0.2\n"
    deaf += "ending.end_orderly(); ending.end_with(int(sys.argv[1])); print('x', flush=True)\n"
    # The handler never comes: SIGTERM is blocked, as if C code kept the main thread.
    deaf += "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
    deaf += "import time; time.sleep(60)\n"
    owner = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = subprocess.Popen(
        [sys.executable, "-c", deaf, str(owner.pid)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "x\n"
    owner.kill()
    owner.wait()
    assert process.wait(20) == 128 + signal.SIGTERM


def test_left_over_temporaries_of_killed_processes_are_removed(tmp_path: Path) -> None:
    killed = writer(tmp_path / "hexplanes/a.zarr")
    killed.kill()
    killed.wait()
    (left,) = (tmp_path / "hexplanes").iterdir()
    host, number = os.uname().nodename.partition(".")[0], killed.pid
    assert left.name == f".a.zarr.{host}-{number}.tmp.zarr"
    kept = [
        tmp_path / f".a.json.elsewhere-{number}.tmp.json",  # runs on another machine, perhaps
        tmp_path / f"a.{host}-{number}.tmp.json",
        tmp_path / ".hidden",
    ]
    for path in kept:
        path.write_text("")
    with replacing(tmp_path / "b.json") as own:
        own.write_text("{}")
        remove_left_over(tmp_path)
        assert own.exists()
    assert not list((tmp_path / "hexplanes").iterdir())
    assert sorted(tmp_path.glob("*.*")) == sorted([*kept, tmp_path / "b.json"])
