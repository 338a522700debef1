"""Shared fixtures: analytic solids and the CPU renderer."""

import importlib.util
import os
import signal
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest
import trimesh

from support.disk import Disk
from support.untested import pytest_unconfigure  # noqa: F401 (a hook)

ROOT = Path(__file__).resolve().parents[1]
if importlib.util.find_spec("hexplane") is None:
    sys.path.insert(0, str(ROOT / "src"))
    os.environ["PYTHONPATH"] = str(ROOT / "src")  # of the processes that tests start
# A shell lets what it starts in the background ignore it, and all that this starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: no process is left alone with one of them at the end."""

    def rank(item: pytest.Item) -> tuple[bool, bool, bool]:
        marks = {own.name for own in item.iter_markers()}
        return "slurm" not in marks, "workflow" not in item.path.parts, "slow" not in marks

    items.sort(key=rank)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def renderer():
    """The CPU backend."""
    from hexplane.rendering.embree import EmbreeRenderer

    return EmbreeRenderer()


@pytest.fixture(scope="session")
def sphere() -> trimesh.Trimesh:
    """Radius 0.8 around the origin, chords within 2e-4 of it."""
    return trimesh.creation.icosphere(subdivisions=5, radius=0.8)


@pytest.fixture(scope="session")
def torus() -> trimesh.Trimesh:
    """Around the y axis: radius 0.6, tube 0.25."""
    mesh = trimesh.creation.torus(0.6, 0.25, major_sections=96, minor_sections=48)
    mesh.apply_transform(trimesh.transformations.rotation_matrix(1.5707963267948966, [1, 0, 0]))
    return mesh


# Three boxes, each one pixel of 20 large: centres on pixel centres, all coordinates different.
MARKERS = {"x": (0.85, 0.05, 0.15), "y": (-0.25, 0.75, 0.35), "z": (0.45, -0.55, 0.65)}
MARKER_SIDE = 0.08


@pytest.fixture(scope="session")
def marker() -> trimesh.Trimesh:
    """Small boxes at `MARKERS`: no two views or mirrorings of it look alike."""
    boxes = []
    for centre in MARKERS.values():
        box = trimesh.creation.box(extents=[MARKER_SIDE] * 3)
        box.apply_translation(centre)
        boxes.append(box)
    return trimesh.util.concatenate(boxes)


@pytest.fixture(scope="module")
def small_pictures() -> Iterator[None]:
    """Mesh pictures of full size take most of the time, and no test looks at them."""
    from hexplane.report.pictures import images

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images, "MESH_PIXELS", 32)
        yield


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if os.getuid() != 0:
        pytest.skip("only root can mount a small disk")
    made = Disk(tmp_path / "disk")
    if not made.mounted:
        pytest.skip("no disk can be mounted here")
    yield made
    made.unmount()


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The CPU rasteriser under nvdiffrast's name."""
    from support import rasteriser

    backend = "hexplane.rendering.nvdiffrast"
    package = ModuleType("nvdiffrast")
    package.torch = rasteriser  # type: ignore[attr-defined]
    package.__spec__ = ModuleSpec("nvdiffrast", None)
    monkeypatch.setitem(sys.modules, "nvdiffrast", package)
    monkeypatch.setitem(sys.modules, "nvdiffrast.torch", rasteriser)
    sys.modules.pop(backend, None)  # it may hold the real one, and must not keep this one
    rasteriser.calls.clear()
    yield
    sys.modules.pop(backend, None)


@pytest.fixture
def on_cpu(stand_in: None):
    """The nvdiffrast backend on the stand-in."""
    from hexplane.rendering.nvdiffrast import NvdiffrastRenderer

    return NvdiffrastRenderer(device="cpu")
