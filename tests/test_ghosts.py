"""The solids of the preset `ghosts`: what makes each hard for planes."""

import numpy as np
import pytest
import trimesh
from benchmarks.ghosts import VARIANTS, solids

from hexplane.geometry import frame


@pytest.fixture(scope="module")
def made() -> dict[str, trimesh.Trimesh]:
    return solids()


def test_files_are_the_solids(root, made):
    files = {path.stem: path for path in (root / "workflow/ghosts").iterdir()}
    assert files.keys() == made.keys()
    for name, solid in made.items():
        found = trimesh.load_mesh(files[name])
        assert found.is_watertight and found.volume > 0, name
        assert found.volume == pytest.approx(solid.volume, rel=5e-3), name
        assert np.allclose(found.bounds, solid.bounds, atol=1e-4), name


def test_parts_are_as_many_as_they_should_be(made):
    bodies = {"chair": 1, "corners": 3, "ear": 1, "plates": 2}
    for name, solid in made.items():
        assert solid.body_count == bodies[name[2:]], name


def test_between_the_cubes_is_a_place_that_is_empty_and_behind_a_cube_in_every_view(made, renderer):
    for variant in range(VARIANTS):
        solid = made[f"{variant}-corners"]
        centres = np.array([body.bounds.mean(axis=0) for body in solid.split()])
        # Of each coordinate two cubes share one value, which is the place's own.
        place = np.median(centres, axis=0)
        assert not solid.contains([place])[0]
        covered = renderer.render(solid, 64).occupancy
        right, up, _ = frame.project(place[None])[:, 0].T
        rows, columns = ((1 - up) * 32).astype(int), ((right + 1) * 32).astype(int)
        assert covered[np.arange(6), rows, columns].all()
