"""A full or read-only disk and too little memory: one line, nothing left over, and a way on."""

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hexplane import cli
from hexplane.model.settings import CodecSettings
from hexplane.plumbing.claims import give_up
from hexplane.plumbing.errors import NO_MEMORY, UserError, of_machine
from hexplane.plumbing.files import replacing, tree_hashes, write_json
from hexplane.plumbing.manifests import Job, mismatches
from hexplane.settings.distances import DistancesSettings
from hexplane.settings.render import RenderSettings
from hexplane.settings.train import TrainingSettings, TrainSettings
from hexplane.stages import distances, encode, extract, normalise, render, train
from support.disk import Disk
from support.project import bump
from support.untrained import SIZES, untrained_model

RESOLUTION = 16
TRAINING = TrainSettings(
    model=CodecSettings.model_validate({"model": SIZES}).model,
    training=TrainingSettings(steps=2, batch=1, sdf_points=16, log_every=1),
)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What each stage reads, on a disk with room."""
    folder = tmp_path_factory.mktemp("given")
    bump(0).export(folder / "ada.obj")
    mesh = folder / "ada.ply"
    normalise.run(folder / "ada.obj", mesh)
    render.run(mesh, folder / "hexplanes/ada.zarr", RenderSettings(resolution=RESOLUTION))
    distances.run(mesh, folder / "sdf/ada.zarr", DistancesSettings(near=200, uniform=100))
    untrained_model(folder / "model")
    encode.run(folder / "hexplanes/ada.zarr", folder / "ada.latent.zarr", model=folder / "model")
    write_json(folder / "split.json", {"train": ["ada"], "validation": []})
    return folder


STAGES: dict[str, Callable[[Path, Path], object]] = {
    "normalise": lambda given, out: normalise.run(given / "ada.obj", out / "ada.ply"),
    "render": lambda given, out: render.run(
        given / "ada.ply", out / "ada.zarr", RenderSettings(resolution=32)
    ),
    "distances": lambda given, out: distances.run(
        given / "ada.ply", out / "ada.zarr", DistancesSettings(near=2000, uniform=100)
    ),
    "train": lambda given, out: train.run(
        out / "model",
        given / "split.json",
        TRAINING,
        hexplanes=given / "hexplanes",
        sdf=given / "sdf",
        state=out / "state",
    ),
    "encode": lambda given, out: encode.run(
        given / "ada.obj", out / "ada.hxl", model=given / "model"
    ),
    "encode to a store": lambda given, out: encode.run(
        given / "hexplanes/ada.zarr", out / "ada.zarr", model=given / "model"
    ),
    "extract": lambda given, out: extract.run(
        given / "ada.latent.zarr", out / "ada.ply", model=given / "model"
    ),
}


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A limit that writes beyond so many bytes fail at, as at a quota."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def refused(out: Path, do: Callable[[], object], reason: str) -> bool:
    """Whether a stage ended with one line; then nothing half-written lies there."""
    try:
        do()
    except UserError as error:
        give_up()  # as the command does
        assert str(error).startswith(f"{out}/")
        assert str(error).endswith(f"cannot be written ({reason})")
        assert "\n" not in str(error)
        assert not [path for path in out.rglob("*") if ".tmp" in path.name]
        return True
    return False


def sound(out: Path) -> None:
    """All that manifests list is there, whole."""
    manifests = [path for path in out.rglob("*.json") if '"stage"' in path.read_text()]
    assert manifests or list(out.glob("*.hxl"))
    assert [line for path in manifests for line in mismatches(path)] == []


@pytest.mark.parametrize("stage", STAGES)
def test_every_file_that_a_quota_cuts_short_is_told(
    given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], stage: str
) -> None:  # `capsys` keeps what is printed out of files, which would be cut short as well
    failed = 0
    for size in (100, 1000, 4000, 20_000):
        with files_of_at_most(size):
            failed += refused(tmp_path, lambda: STAGES[stage](given, tmp_path), "File too large")
    assert failed >= 1
    STAGES[stage](given, tmp_path)
    sound(tmp_path)


@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk_is_told_and_the_rerun_goes_on(given: Path, disk: Disk, stage: str) -> None:
    (disk.folder / "others").write_bytes(bytes(4096))
    failed = 0
    for kilobytes in (4, 16, 36, 84):
        disk.becomes(f"size={kilobytes}k")
        failed += refused(
            disk.folder, lambda: STAGES[stage](given, disk.folder), "No space left on device"
        )
    assert failed >= 1
    disk.becomes("size=8m")
    STAGES[stage](given, disk.folder)
    sound(disk.folder)


@pytest.mark.parametrize("stage", STAGES)
def test_a_read_only_disk_is_told(given: Path, disk: Disk, stage: str) -> None:
    disk.becomes("ro")
    try:
        with pytest.raises(UserError, match=r"Read-only file system\)$"):
            STAGES[stage](given, disk.folder)
    finally:
        disk.becomes("rw")
    assert list(disk.folder.iterdir()) == []


def test_folders_that_may_not_be_written(given: Path, tmp_path: Path) -> None:
    if os.getuid() == 0:
        pytest.skip("root may write everywhere")
    (tmp_path / "out").mkdir(mode=0o555)
    with pytest.raises(UserError, match="Permission denied"):
        normalise.run(given / "ada.obj", tmp_path / "out/ada.ply")


def test_a_library_that_hides_the_systems_error(tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text("before")

    def write(temporary: Path) -> None:
        temporary.write_text("half")
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            raise RuntimeError("unexpected pos 64 vs 0")  # noqa: B904 (as torch.save does)

    said = r"kept.txt: cannot be written \(No space left on device"
    with pytest.raises(UserError, match=said), replacing(kept) as temporary:
        write(temporary)
    assert tree_hashes(tmp_path).keys() == {f"{tmp_path.name}/kept.txt"}
    assert kept.read_text() == "before"
    # What is no fault of the machine is a fault of this software: its traceback is wanted.
    with pytest.raises(RuntimeError, match="a mistake"), replacing(kept):
        raise RuntimeError("a mistake")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), NO_MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 8 bytes"), NO_MEMORY),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), NO_MEMORY),
        (ImportError("x.so: failed to map segment: Cannot allocate memory"), NO_MEMORY),
        (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), NO_MEMORY),
        (ExceptionGroup("tasks", [ValueError("x"), MemoryError()]), NO_MEMORY),
        (PermissionError(errno.EACCES, "Permission denied", "a/b"), "a/b: Permission denied"),
        (OSError(errno.EROFS, "Read-only file system"), "Read-only file system"),
        (FileNotFoundError(errno.ENOENT, "No such file", "a/b"), None),
        (RuntimeError("shapes differ"), None),
        (ValueError("out of memory"), None),
    ],
)
def test_what_the_machine_lacks(error: Exception, said: str | None) -> None:
    assert of_machine(error) == said


def test_the_command_says_it_in_one_line(given: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    """What was written before goes: the next start would not know whose it is."""
    monkeypatch.setattr(
        sys, "argv", ["hexplane", "normalise", str(given / "ada.obj"), str(tmp_path / "ada.ply")]
    )

    def write_manifest(*arguments: object, **facts: object) -> None:
        assert (tmp_path / "ada.ply").exists()
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Job, "write_manifest", write_manifest)
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"error: {NO_MEMORY}\n"
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    sound(tmp_path)


LIMITED = """
import resource, sys
import numpy
from hexplane import cli
from hexplane.stages import distances
numpy.ones((300, 300)) @ numpy.ones((300, 300))  # OpenBLAS takes its memory
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (96 << 20), resource.RLIM_INFINITY))
sys.argv = ["hexplane", "distances", *sys.argv[1:], "--spec", "near: 3000000"]
cli.main()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is counted by Linux only")
def test_too_little_memory_for_the_samples(given: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(given / "ada.ply"), str(tmp_path / "ada.zarr")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, f"error: {NO_MEMORY}\n")
    assert not list(tmp_path.iterdir())
