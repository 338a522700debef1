"""Points over file sizes, with a codec whose files and meshes are known."""

import pytest
import trimesh

from hexplane.metrics.comparison import compare
from hexplane.metrics.rates import NAMES, Coded, compare_surfaces, over_budgets

SPHERE = trimesh.creation.icosphere(subdivisions=3)


def ball(radius: float) -> trimesh.Trimesh:
    return trimesh.Trimesh(radius * SPHERE.vertices, SPHERE.faces, process=False)


def coded(*sizes: int):
    """A codec with files of just these sizes: of n bytes, a ball of radius 1 - 1 / n."""

    def encode(budget: int) -> Coded | None:
        fitting = [size for size in sizes if size <= budget]
        return Coded(bytes(max(fitting)), 0.25) if fitting else None

    return encode


def decoded(data: bytes) -> trimesh.Trimesh:
    return ball(1 - 1 / len(data))


def measured(mesh: trimesh.Trimesh) -> dict:
    return {"radius": round(float(mesh.bounds[1].max()), 6)}


def test_each_file_has_one_point_at_the_smallest_size_that_takes_it():
    points, meshes = over_budgets([4, 10, 20, 40, 80], coded(10, 25), decoded, measured)
    assert [(own["budget"], own["bytes"]) for own in points] == [(10, 10), (40, 25)]
    assert [own["metrics"]["radius"] for own in points] == [0.9, 0.96]
    assert [own["encode_seconds"] for own in points] == [0.25, 0.25]
    assert all(own["decode_seconds"] >= 0 for own in points)
    radii = [float(mesh.bounds[1].max()) if len(mesh.faces) else None for mesh in meshes.values()]
    assert list(meshes) == [4, 10, 20, 40, 80]
    assert radii == [None, *(pytest.approx(own) for own in (0.9, 0.9, 0.96, 0.96))]


def test_a_codec_that_meets_no_size_has_no_point():
    points, meshes = over_budgets([1, 2], coded(3), decoded, measured)
    assert points == []
    assert all(len(mesh.faces) == 0 for mesh in meshes.values())


def test_surfaces_are_measured_as_reconstructions_are():
    ours = compare_surfaces(ball(0.98), SPHERE, 500, (0.01, 0.03), 7)
    theirs = compare(ball(0.98), SPHERE, 500, (0.01, 0.03), 7)
    assert ours == {name: theirs[name] for name in ours}
    assert set(ours) == {*NAMES, "f_score_0.01", "f_score_0.03"}
    # Radii 0.02 apart: farther than 0.01 everywhere, and within 0.03.
    assert ours["chamfer_l1"] == pytest.approx(0.02, abs=0.002)
    assert (ours["f_score_0.01"], ours["f_score_0.03"]) == (0.0, 1.0)


def test_a_mesh_without_faces_is_infinitely_far():
    found = compare_surfaces(trimesh.Trimesh(), SPHERE, 500, (0.01,), 0)
    assert found["empty"] and found["chamfer_l1"] is None and found["f_score_0.01"] == 0
