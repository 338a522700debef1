"""The script that installs what some tests need: it waits for the package lock, and says why not.

The system's own programs are stand-ins of a few lines, so that nothing is installed.
"""

import os
import subprocess
from pathlib import Path

import pytest

LOCKED = "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 17 (apt-get)"
ABSENT = "E: Unable to locate package munge"


@pytest.fixture
def installs(tmp_path: Path, root: Path):
    """Runs the script where `apt-get` does what a shell text says; returns what was printed."""
    text = (root / "envs/system-packages.sh").read_text()
    assert "/usr/sbin/policy-rc.d" in text
    script = tmp_path / "script.sh"
    script.write_text(text.replace("/usr/sbin/policy-rc.d", str(tmp_path / "policy")))
    programs = tmp_path / "bin"
    programs.mkdir()

    def program(name: str, body: str) -> None:
        (programs / name).write_text(f"#!/bin/sh\n{body}\n")
        (programs / name).chmod(0o755)

    def run(apt: str, user: int = 0) -> subprocess.CompletedProcess[str]:
        program("dpkg-query", "exit 1")
        program("id", f"echo {user}")
        program("sleep", f'echo "$1" >>{tmp_path}/slept')
        program("apt-get", f'echo "$@" >>{tmp_path}/called\n{apt}')
        return subprocess.run(
            ["sh", str(script)],
            env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_waits_until_the_lock_is_free(installs, tmp_path: Path) -> None:
    held = f'[ "$(wc -l <{tmp_path}/called)" -gt 4 ] || {{ echo "{LOCKED}" >&2; exit 100; }}'
    done = installs(held)
    assert done.returncode == 0
    assert done.stderr.splitlines() == [f"Waiting: {LOCKED}"]
    assert lines(tmp_path / "slept") == ["10"] * 4
    assert "chromium" in lines(tmp_path / "called")[-1]
    assert not (tmp_path / "policy").exists()


def test_a_lock_that_is_never_free_is_the_reason(installs, tmp_path: Path) -> None:
    done = installs(f'echo "{LOCKED}" >&2; exit 100')
    assert done.returncode == 0
    assert sum(int(slept) for slept in lines(tmp_path / "slept")) == 1800
    assert LOCKED in done.stderr
    assert "Waited half an hour" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Could not install")


def test_any_other_reason_is_shown_at_once(installs, tmp_path: Path) -> None:
    done = installs(f'echo "{ABSENT}"; exit 100')
    assert not lines(tmp_path / "slept")
    assert done.stderr.splitlines()[0] == ABSENT
    assert "their tests are skipped" in done.stderr


def test_who_is_not_root_is_told(installs, tmp_path: Path) -> None:
    done = installs("exit 1", user=1000)
    assert done.returncode == 0
    assert "only root can" in done.stderr
    assert not lines(tmp_path / "called")
