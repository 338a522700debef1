"""Jobs that share an interpreter: same results, same messages, and nothing left behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import trimesh

from hexplane import forkserver, stages
from hexplane.geometry.meshes import normalise
from hexplane.plumbing.files import tree_hashes
from support.project import bump

pytestmark = pytest.mark.slow
OWNER, SERVED = forkserver.OWNER, forkserver.SERVED


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Environment of the jobs of a workflow process, which ends with the test."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    own = {OWNER: str(process.pid), SERVED: " ".join(stages.served())}
    yield {**os.environ, **own, "TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    process.kill()
    process.wait()
    until(lambda: not servers(process.pid))


def job(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "hexplane", *map(str, arguments)]


def run(environment: dict[str, str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(job(*arguments), env=environment, capture_output=True, text=True)


def servers(owner: int | str) -> list[psutil.Process]:
    """Servers of an owner, and their forks."""
    found = []
    for process in psutil.process_iter():
        try:
            line = process.cmdline()
        except psutil.Error:
            continue
        if "hexplane.forkserver" in line and str(owner) in line:
            found.append(process)
    return found


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that has to come."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def head() -> trimesh.Trimesh:
    """A normalised shape."""
    return normalise(bump(0), "y")[0]


def test_a_fork_writes_what_an_interpreter_of_its_own_writes(tmp_path, owner) -> None:
    mesh = tmp_path / "a.ply"
    head().export(mesh)
    alone = {key: value for key, value in owner.items() if key != OWNER}
    spec = "--spec={resolution: 32, backend: embree}"
    made = {}
    for name, environment in (("alone", alone), ("fork", owner)):
        store = tmp_path / name / "a.zarr"
        done = run(environment, "render", mesh, store, spec)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        manifest = json.loads(store.with_suffix(".manifest.json").read_text())
        made[name] = tree_hashes(store), manifest["code"], manifest["content"]
        assert bool(servers(owner[OWNER])) == (name == "fork")
    assert made["alone"] == made["fork"]


def test_jobs_of_all_stages_share_one_server(tmp_path, owner) -> None:
    mesh = tmp_path / "a.ply"
    head().export(mesh)
    found = set()
    for arguments in (
        ("normalise", mesh, tmp_path / "b.ply"),
        ("normalise", mesh, tmp_path / "c.ply"),
        ("distances", mesh, tmp_path / "d.zarr"),
    ):
        assert run(owner, *arguments).returncode == 0
        until(lambda: len(servers(owner[OWNER])) == 1)  # without the fork
        found |= {process.pid for process in servers(owner[OWNER])}
    assert len(found) == 1


def test_mistakes_are_told_as_ever(tmp_path, owner) -> None:
    missing = run(owner, "normalise", tmp_path / "missing.ply", tmp_path / "out.ply")
    assert missing.returncode == 1
    assert missing.stderr == f"error: {tmp_path / 'missing.ply'}: no such file\n"
    stale = run(owner, "normalise", "a.ply", "b.ply", "--code=code:0")
    assert stale.returncode == 1
    assert "the source changed while the job waited" in stale.stderr
    unknown = run(owner, "normalise", "a.ply", "b.ply", "--nothing")
    assert unknown.returncode == 2
    assert "No such option" in unknown.stderr


def test_modules_of_two_states_of_the_source_are_never_mixed(tmp_path, owner) -> None:
    source = tmp_path / "src/hexplane"
    shutil.copytree(Path(forkserver.__file__).parent, source)
    environment = {**owner, "PYTHONPATH": str(source.parent)}
    mesh = tmp_path / "a.ply"
    head().export(mesh)
    assert run(environment, "normalise", mesh, tmp_path / "b.ply").returncode == 0
    (first,) = servers(owner[OWNER])
    file = source / "geometry/distance.py"
    file.write_text(file.read_text() + "\nLATER = 1\n")
    assert run(environment, "normalise", mesh, tmp_path / "c.ply").returncode == 0  # as before
    done = run(environment, "distances", mesh, tmp_path / "d.zarr")  # by itself
    assert (done.returncode, done.stderr) == (0, "")
    until(lambda: not first.is_running())
    assert run(environment, "distances", mesh, tmp_path / "e.zarr").returncode == 0
    (second,) = servers(owner[OWNER])
    assert second.pid != first.pid
    codes = [json.loads((tmp_path / f"{name}.manifest.json").read_text())["code"] for name in "de"]
    assert codes[0] == codes[1]


def test_a_server_ends_with_its_owner(tmp_path, owner) -> None:
    head().export(tmp_path / "a.ply")
    assert run(owner, "normalise", tmp_path / "a.ply", tmp_path / "b.ply").returncode == 0
    sockets = tmp_path / f"hexplane-{os.getuid()}"
    assert len(list(sockets.glob(f"{owner[OWNER]}-*"))) == 1
    os.kill(int(owner[OWNER]), signal.SIGKILL)
    os.waitpid(int(owner[OWNER]), 0)
    until(lambda: not servers(owner[OWNER]))
    assert not list(sockets.glob(f"{owner[OWNER]}-*"))


def test_a_job_ends_with_who_asked_for_it(tmp_path, owner) -> None:
    mesh, store = tmp_path / "a.ply", tmp_path / "out/a.zarr"
    head().export(mesh)
    many = "--spec={near: 3000000, uniform: 0}"
    client = subprocess.Popen(job("distances", mesh, store, many), env=owner)
    until(lambda: len(servers(owner[OWNER])) == 2)
    client.send_signal(signal.SIGKILL)
    client.wait()
    until(lambda: len(servers(owner[OWNER])) == 1)
    assert not store.exists()
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_a_killed_fork_fails_its_job(tmp_path, owner) -> None:
    mesh = tmp_path / "a.ply"
    head().export(mesh)
    many = "--spec={near: 3000000, uniform: 0}"
    client = subprocess.Popen(
        job("distances", mesh, tmp_path / "a.zarr", many),
        env=owner,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: len(servers(owner[OWNER])) == 2)
    both = servers(owner[OWNER])
    next(one for one in both if one.ppid() in {other.pid for other in both}).kill()
    _, told = client.communicate()
    assert (client.returncode, told) == (1, "error: distances: the job was killed\n")


@pytest.mark.parametrize(
    "reason", ["open to others", "a name too long", "no such stage", "not named as served"]
)
def test_without_a_server_a_job_runs_by_itself(tmp_path, owner, reason) -> None:
    mesh = tmp_path / "a.ply"
    head().export(mesh)
    arguments = ["normalise", mesh, tmp_path / "b.ply"]
    if reason == "open to others":
        folder = tmp_path / f"hexplane-{os.getuid()}"
        folder.mkdir()
        folder.chmod(0o777)
    elif reason == "a name too long":  # for a socket
        owner["TMPDIR"] = str(tmp_path / ("x" * 100))
        Path(owner["TMPDIR"]).mkdir(parents=True)
    elif reason == "no such stage":
        arguments = ["check", mesh]
    else:
        owner[SERVED] = owner[SERVED].replace("normalise", "")
    done = run(owner, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert not servers(owner[OWNER])


def test_stages_say_themselves_that_they_are_served() -> None:
    served = stages.served()
    assert {*served} < {*stages.names()}
    assert "train" not in served  # threads of its own, and hours
    assert {*served} == {
        *("generate", "normalise", "render", "distances"),
        *("encode", "extract", "oracle", "evaluate", "rates", "draco", "parameters"),
        *("solid", "classical", "mean", "interpolate", "draw", "novelty"),
    }
