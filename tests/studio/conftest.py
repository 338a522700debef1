"""A study whose heads are edited."""

from pathlib import Path

import pytest

from hexplane.plumbing.paths import Layout
from hexplane.studio.library import Library
from support.studies import shapes, write_study


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds `results/small`."""
    folder = tmp_path_factory.mktemp("studio")
    write_study(folder / "results/small", shapes())
    return folder


@pytest.fixture(scope="session")
def layout(project: Path) -> Layout:
    return Layout(project / "results/small")


@pytest.fixture(scope="session")
def libraries(layout: Layout) -> dict[str, Library]:
    kinds = ("linear", "layered", "planes")
    return {kind: Library(Path(layout.model.format(run=kind))) for kind in kinds}
