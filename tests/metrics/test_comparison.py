"""Measures of pairs of solids whose distances and overlaps are known in closed form."""

import json

import numpy as np
import pytest
import trimesh

from hexplane.geometry import distance
from hexplane.metrics.comparison import compare

SAMPLES = 20_000


def _ball(radius: float) -> trimesh.Trimesh:
    return trimesh.creation.icosphere(subdivisions=5, radius=radius)


def _compare(one, two, thresholds=(0.005, 0.01, 0.02), samples=SAMPLES):
    return compare(one, two, samples, thresholds, seed=0)


def _topology(mesh):
    """Scores of a mesh against itself: those of its topology depend on nothing else."""
    return _compare(mesh, mesh, samples=100)


@pytest.fixture(scope="module")
def shells():
    """A sphere of radius 0.7 for one of 0.8."""
    return _compare(_ball(0.7), _ball(0.8), (0.098, 0.102))


def test_concentric_spheres_are_their_radii_apart(shells):
    for name in ("accuracy", "completeness", "chamfer_l1", "distance_95"):
        assert shells[name] == pytest.approx(0.1, abs=5e-4)
    assert shells["distance_max"] == pytest.approx(0.1, abs=1e-3)
    assert shells["normal_consistency"] == pytest.approx(1, abs=2e-3)


def test_f_score_jumps_at_the_distance(shells):
    assert shells["f_score_0.098"] == 0
    assert shells["f_score_0.102"] == 1


def test_iou_of_nested_spheres_is_the_ratio_of_their_volumes(shells):
    assert shells["iou"] == pytest.approx(0.7**3 / 0.8**3, abs=0.01)


def test_shifted_cube():
    cube = trimesh.creation.box(extents=(1, 1, 1))
    moved = cube.copy()
    moved.apply_translation((0.1, 0, 0))
    scores = _compare(moved, cube, (0.05,))
    # The face at x = 0.6 is 0.1 out, and the strips of four others beyond x = 0.5 on average 0.05.
    # The face at -0.4 is inside by 0.1, but nearer to the others at its rim:
    # the integral of (1 - 2 t)^2 from 0 to 0.1.
    inner = 0.1 - 2 * 0.1**2 + 4 / 3 * 0.1**3
    assert scores["accuracy"] == pytest.approx((0.1 + inner + 4 * 0.1 * 0.05) / 6, abs=1e-3)
    # Two thirds of the surface did not move; one sixth lies 0.1 out.
    assert scores["distance_95"] == pytest.approx(0.1, abs=1e-3)
    assert scores["distance_max"] == pytest.approx(0.1, abs=1e-3)
    assert scores["iou"] == pytest.approx(0.9 / 1.1, abs=0.01)
    # Within 0.05: the four long faces without half of the strip, and the inner face's rim.
    assert scores["f_score_0.05"] == pytest.approx((4 * 0.95 + 1 - 0.9**2) / 6, abs=0.01)


def test_f_score_is_the_harmonic_mean_of_precision_and_recall():
    cube = trimesh.creation.box(extents=(1, 1, 1))
    far = cube.copy()
    far.apply_translation((5, 0, 0))
    both = trimesh.util.concatenate([cube, far])
    scores = _compare(both, cube, (0.01,))  # precision 1/2, recall 1
    assert scores["f_score_0.01"] == pytest.approx(2 / 3, abs=0.01)
    assert scores["completeness"] == pytest.approx(0, abs=1e-9)
    assert scores["accuracy"] == pytest.approx(scores["chamfer_l1"] * 2)


def test_identical_meshes():
    scores = _compare(_ball(0.5), _ball(0.5))
    assert scores["chamfer_l1"] < 1e-9
    assert scores["distance_max"] < 1e-7
    assert scores["iou"] == 1
    assert all(scores[f"f_score_{t}"] == 1 for t in ("0.005", "0.01", "0.02"))
    assert scores["normal_consistency"] == pytest.approx(1, abs=1e-3)


def test_inside_out_mesh_has_normals_against():
    turned = _ball(0.5)
    turned.invert()
    scores = _compare(turned, _ball(0.5))
    assert scores["normal_consistency"] == pytest.approx(-1, abs=1e-3)
    assert scores["watertight"]
    assert not scores["outward"]


def test_same_seed_same_scores_and_other_seed_other_samples():
    one, two = _ball(0.5), trimesh.creation.box(extents=(0.8, 0.8, 0.8))
    first = compare(one, two, 500, (0.01,), seed=1)
    assert first == compare(one, two, 500, (0.01,), seed=1)
    assert first["accuracy"] != compare(one, two, 500, (0.01,), seed=2)["accuracy"]


def test_empty_reconstruction_has_the_same_scores_all_defined():
    full, empty = _compare(_ball(0.5), _ball(0.5)), _compare(trimesh.Trimesh(), _ball(0.5))
    assert empty.keys() == full.keys()
    assert json.loads(json.dumps(empty, allow_nan=False)) == empty
    assert empty["empty"] is True
    assert full["empty"] is False
    for name in ("iou", "normal_consistency", "f_score_0.005", "f_score_0.01", "f_score_0.02"):
        assert empty[name] == 0
    for name in ("accuracy", "completeness", "chamfer_l1", "distance_95", "distance_max"):
        assert empty[name] is None
    assert not empty["watertight"]
    assert (empty["vertices"], empty["faces"], empty["components"]) == (0, 0, 0)


def test_scores_of_a_mesh_are_plain_json(shells):
    assert json.loads(json.dumps(shells, allow_nan=False)) == shells


def test_topology_of_a_torus(torus):
    facts = _topology(torus)
    assert facts["euler_number"] == 0
    assert facts["components"] == 1
    assert facts["watertight"]
    assert facts["outward"]
    assert facts["faces"] == 2 * facts["vertices"] == len(torus.faces)


def test_topology_of_two_bodies():
    two = trimesh.util.concatenate([_ball(0.2), _ball(0.2).apply_translation((1, 0, 0))])
    facts = _topology(two)
    assert (facts["components"], facts["euler_number"]) == (2, 4)


def test_open_mesh_is_not_watertight():
    mesh = _ball(0.5)
    mesh.update_faces(np.arange(len(mesh.faces)) > 0)
    facts = _topology(mesh)
    assert not facts["watertight"]
    assert not facts["outward"]


def _points(count: int = 500) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (count, 3))


def test_signed_distance_to_a_sphere():
    points = _points()
    found = distance.signed_distance(points, _ball(0.6))
    assert found.dtype == np.float32
    assert np.abs(found - (np.linalg.norm(points, axis=1) - 0.6)).max() < 1e-3


def test_surface_distance_and_face_of_a_box():
    box = trimesh.creation.box(extents=(1, 1, 1))
    found, face = distance.surface_distance(np.array([[0.9, 0.1, 0.2], [0, -0.4, 0.1]]), box)
    assert np.allclose(found, [0.4, 0.1])
    assert np.allclose(box.face_normals[face], [[1, 0, 0], [0, -1, 0]])


def test_inside_of_a_torus(torus):
    points = _points()
    ring = np.hypot(np.hypot(points[:, 0], points[:, 2]) - 0.6, points[:, 1])
    sure = np.abs(ring - 0.25) > 5e-3
    assert np.array_equal(distance.inside(points, torus)[sure], (ring < 0.25)[sure])


def test_a_pinhole_does_not_turn_a_solid_inside_out():
    mesh = _ball(0.6)
    mesh.update_faces(np.arange(len(mesh.faces)) > 0)
    found = distance.signed_distance(np.array([[0, 0, 0], [0, 0.5, 0], [0.9, 0, 0]]), mesh)
    assert np.sign(found).tolist() == [-1, -1, 1]


def test_open_and_overlapping_bodies_keep_true_distances():
    # Winding numbers of 0.3 or 2 give signs, and must not scale the distances.
    bowl = _ball(0.6)
    bowl.update_faces(bowl.triangles_center[:, 1] < 0)
    overlapping = trimesh.util.concatenate([_ball(0.6), _ball(0.4)])
    for mesh in (bowl, overlapping):
        truth = distance.surface_distance(_points(), mesh)[0]
        assert np.abs(np.abs(distance.signed_distance(_points(), mesh)) - truth).max() < 1e-5


def ball(radius: float, subdivisions: int = 4) -> trimesh.Trimesh:
    return trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)


def test_what_lies_inside_a_body_is_asked_of_no_reconstruction() -> None:
    """Eyes within a head: a reconstruction of the outside alone is a perfect one."""
    both = trimesh.util.concatenate([ball(0.8), ball(0.5)])
    scores = compare(ball(0.8), both, SAMPLES, [0.01], 0)
    assert scores["completeness"] < 1e-6
    assert scores["f_score_0.01"] == 1.0
    assert scores["iou"] == 1.0
    # Beside each other both are outside, and the one that is missing counts.
    apart = trimesh.util.concatenate([ball(0.4), ball(0.2).apply_translation([0.7, 0, 0])])
    assert compare(ball(0.4), apart, SAMPLES, [0.01], 0)["f_score_0.01"] < 0.95


def test_the_sources_own_surface_is_measured_beside_the_solid() -> None:
    box = trimesh.creation.box(extents=[1, 1, 1])
    up = np.argsort(-box.face_normals[:, 1] > 0.5, kind="stable")  # those that look down come last
    target = trimesh.Trimesh(box.vertices, box.faces[up], process=False)
    shrunk = trimesh.creation.box(extents=[1, 0.8, 1]).apply_translation([0, 0.1, 0])
    own = compare(shrunk, target, SAMPLES, [0.01], 0, source_faces=10)
    whole = compare(shrunk, target, SAMPLES, [0.01], 0)
    assert whole["source_completeness"] == whole["completeness"]
    # The floor is 0.2 off; of the walls, the fifth below the new floor is, 0.1 on average.
    assert own["source_completeness"] == pytest.approx(4 * 0.2 * 0.1 / 5, rel=0.1)
    assert own["completeness"] == pytest.approx((4 * 0.2 * 0.1 + 0.2) / 6, rel=0.1)
