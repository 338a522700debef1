"""Few polygons from six views, against solids that are known exactly."""

import numpy as np
import pytest
import trimesh

from hexplane.geometry.analytic import analytic
from hexplane.geometry.distance import surface_distance
from hexplane.geometry.hexplane import Hexplane, hexplane_of
from hexplane.geometry.meshes import normalise
from hexplane.reconstruction.contour import contour
from hexplane.reconstruction.relief import relief


def _hausdorff(a: trimesh.Trimesh, b: trimesh.Trimesh) -> float:
    found = []
    for one, other in ((a, b), (b, a)):
        points = trimesh.sample.sample_surface(one, 5000, seed=0)[0]
        found.append(surface_distance(np.vstack([points, one.vertices]), other)[0].max())
    return float(max(found))


# Genus: the torus has one hole. Exact vertices: a cube has eight.
@pytest.mark.parametrize(
    ("name", "most", "euler"),
    [("cube", 8, 2), ("cylinder", 300, 2), ("torus", 499, 0), ("l-shape", 24, 2), ("chair", 80, 2)],
)
def test_solids_come_back_closed_in_few_vertices(renderer, name, most, euler):
    mesh, _ = normalise(analytic(name), "y")
    made = contour(renderer.render(mesh, 64))
    assert made.is_volume
    assert (made.euler_number, made.body_count) == (euler, 1)
    assert len(made.vertices) <= most
    # At 128 pixels the target is 1.5 %; here a pixel is twice as large.
    assert _hausdorff(made, mesh) < 0.03 * np.linalg.norm(mesh.extents)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sphere", "cube", "cylinder", "torus", "l-shape", "chair"])
def test_targets_are_met_at_128_pixels(renderer, name):
    mesh, _ = normalise(analytic(name), "y")
    made = contour(renderer.render(mesh, 128))
    assert made.is_volume
    assert len(made.vertices) < 500
    assert _hausdorff(made, mesh) < 0.015 * np.linalg.norm(mesh.extents)


def test_blurred_edges_between_two_depths_leave_no_slopes(renderer):
    # As a network decodes it: what is nearest and what is behind run into one another.
    mesh, _ = normalise(analytic("l-shape"), "y")
    views = renderer.render(mesh, 64)
    depth = views.depth.copy()
    steps = np.abs(np.diff(depth, axis=2)) > 0.1
    steps &= views.occupancy[..., 1:] & views.occupancy[..., :-1]
    at = np.nonzero(steps)
    assert len(at[0])
    depth[at] = (views.depth[at] + views.depth[at[0], at[1], at[2] + 1]) / 2
    made = contour(Hexplane(depth, views.normal))
    assert made.is_volume
    assert _hausdorff(made, mesh) < 0.03 * np.linalg.norm(mesh.extents)


@pytest.mark.parametrize("seed", range(3))
def test_any_depth_image_bounds_a_solid(seed):
    rng = np.random.default_rng(seed)
    depth = np.where(rng.random((24, 24)) < 0.6, rng.random((24, 24)), 1.0)
    vertices, faces = relief(depth)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    there = np.sort(edges[:, 0] * len(vertices) + edges[:, 1])
    back = np.sort(edges[:, 1] * len(vertices) + edges[:, 0])
    assert (there == back).all()


def test_noise_and_nothing_are_no_crash():
    rng = np.random.default_rng(0)
    noise = hexplane_of(rng.random((6, 20, 20)), rng.random((6, 20, 20)), None)
    made = contour(noise)
    assert len(made.faces) == 0 or made.is_volume
    nothing = hexplane_of(np.zeros((6, 20, 20)), np.full((6, 20, 20), np.nan), None)
    assert len(contour(nothing).faces) == 0
