"""Snakemake is killed at random moments, and the README's words for that hold."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from hexplane.plumbing.files import read_json, sha256
from support.project import Project

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("HEXPLANE_KILLS", "4"))
"""A finished run whose kill did not come in time is removed, and made anew."""
TIMES = {"seconds", "seconds_fitting", "cpu_seconds", "peak_mb", "digest"}
"""And the digest of the manifest, which holds them."""
CHANGES = {"training": {"steps": 300, "checkpoint_seconds": 0.2, "log_every": 50}}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the same project holds when nobody kills anything."""
    project = Project(tmp_path_factory.mktemp("undisturbed"))
    project.configure(CHANGES)
    project.build()
    return made(project)


def made(project: Project) -> dict[str, Any]:
    """Everything but times, by its name, and the names of what is made of times."""
    found: dict[str, Any] = {}
    for path in sorted(project.results.rglob("*")):
        name = path.relative_to(project.results).as_posix()
        first = name.partition("/")[0]
        if not path.is_file() or first in ("logs", "benchmarks") or path.name[0] == ".":
            continue
        if path.parent.name == "tensorboard":  # a file is named by its time
            found[name.rpartition("/")[0]] = "there"
        elif first in ("report", "diagnostics") or name == "metrics/runs.csv":
            found[name] = "there"
        elif path.name == "history.csv":
            rows = [line.split(",") for line in path.read_text().splitlines()]
            drop = rows[0].index("seconds")
            found[name] = [row[:drop] + row[drop + 1 :] for row in rows]
        elif path.suffix == ".json":
            found[name] = untimed(read_json(path))
        else:
            found[name] = sha256(path)
    return found


def untimed(manifest: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in manifest.items() if key not in TIMES}
    if manifest.get("stage") == "train":  # a history's seconds are in its hash
        del kept["content"], kept["files"]
    return kept


def start(project: Project, *targets: str) -> subprocess.Popen[bytes]:
    """Snakemake as a process of its own, whose output is in run.log."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with (project.folder / "run.log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--cores", "2", *targets],
            cwd=project.folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def processes(folder: Path) -> list[str]:
    """Command lines of whatever works in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def wait_until_alone(folder: Path, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while left := processes(folder):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def wait_for_line(project: Project, text: str) -> None:
    deadline = time.monotonic() + 120
    while text not in (project.folder / "run.log").read_text():
        assert time.monotonic() < deadline, text
        time.sleep(0.05)


def test_a_killed_run_goes_on_when_it_is_started_again(
    tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    project = Project(tmp_path)
    project.configure(CHANGES)
    moments = random.Random(12)
    kills = 0
    while kills < KILLS:
        run = start(project)
        try:
            run.wait(moments.uniform(0, 25))
        except subprocess.TimeoutExpired:
            os.kill(run.pid, signal.SIGKILL)
            run.wait()
            kills += 1
            wait_until_alone(tmp_path)
            continue
        assert run.returncode == 0, (project.folder / "run.log").read_text()[-4000:]
        assert made(project) == undisturbed
        project.remove_results()
    project.build()
    assert made(project) == undisturbed
    assert not [path for path in tmp_path.rglob(".*.tmp*") if ".snakemake" not in path.parts]


MODEL = "results/default/models/ae-depth-normal/manifest.json"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_training_ends_with_its_snakemake(tmp_path: Path, how: signal.Signals) -> None:
    """The signal reaches Snakemake alone; until then a second run of its files is refused."""
    project = Project(tmp_path)
    project.configure({"training": {"steps": 1_000_000, "checkpoint_seconds": 0.2}})
    run = start(project, MODEL)
    try:
        wait_for_line(project, "ae-depth-normal: step 1 ")
        second = project.snakemake("--cores", "1", MODEL)
        assert second.returncode != 0
        assert "LockException" in second.stderr
        assert run.poll() is None
        run.send_signal(how)
        assert run.wait(60) != 0
    finally:
        run.kill()
    wait_until_alone(tmp_path)
    assert "Traceback" not in (project.folder / "run.log").read_text()
    assert not list(project.folder.glob("results/**/.*.tmp*"))
