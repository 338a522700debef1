"""Solids from surfaces, against solids whose volume and openings are known."""

import numpy as np
import pytest
import trimesh

from hexplane.extraction import extract, fused
from hexplane.geometry.distance import signed_distance
from hexplane.geometry.heads import generate_head
from hexplane.geometry.solid import as_it_is, canonical_solid, solid_of
from hexplane.metrics.comparison import compare
from hexplane.settings.extract import ExtractionSection

CORNERS = [(0, 0, 0), (1, 0, 0), (1, 2, 0), (0, 2, 0), (0, 0, 3), (1, 0, 3), (1, 2, 3), (0, 2, 3)]
SIDES = [(0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]
FLOOR = 2  # seen along y


def box(*left_out: int) -> trimesh.Trimesh:
    """1 x 2 x 3, closed and outward but for the sides that are left out."""
    sides = [side for i, side in enumerate(SIDES) if i not in left_out]
    faces = [face for a, b, c, d in sides for face in ((a, b, c), (a, c, d))]
    return trimesh.Trimesh(np.array(CORNERS, dtype=float), faces, process=False)


def reversed_(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.vertices, mesh.faces[:, ::-1], process=False)


def joined(*meshes: trimesh.Trimesh) -> trimesh.Trimesh:
    found = trimesh.util.concatenate(list(meshes))
    return trimesh.Trimesh(found.vertices, found.faces, process=False)


@pytest.mark.parametrize(
    ("left_out", "openings"),
    [((), 0), ((FLOOR,), 1), ((FLOOR, 4), 2), ((0, 1), 2), ((FLOOR, 3), 1)],
    ids=["closed", "floor", "floor and ceiling", "both ends", "two sides that meet"],
)
def test_a_box_without_sides_is_closed(left_out: tuple[int, ...], openings: int) -> None:
    mesh = box(*left_out)
    solid = solid_of(mesh)
    assert solid.mesh.is_watertight
    assert solid.mesh.is_winding_consistent
    assert solid.openings == openings
    assert solid.source_faces == len(mesh.faces)
    np.testing.assert_array_equal(solid.mesh.faces[: solid.source_faces], mesh.faces)
    if left_out != (FLOOR, 3):  # that rim is bent, and its fan is no part of the box
        assert solid.mesh.volume == pytest.approx(6)
        areas = {0: 2, 1: 2, 2: 3, 3: 6, 4: 3, 5: 6}
        assert solid.closed_share == pytest.approx(sum(areas[i] for i in left_out) / 22)


def test_a_sound_solid_stays_as_it_is() -> None:
    for mesh in (box(), generate_head(3), trimesh.creation.torus(0.6, 0.2)):
        assert solid_of(mesh).mesh is mesh
        assert solid_of(mesh).facts == as_it_is(mesh).facts


@pytest.mark.parametrize("seed", [0, 1])
def test_turned_faces_are_turned_back(seed: int) -> None:
    sphere = trimesh.creation.icosphere(subdivisions=3)
    faces = np.array(sphere.faces)
    wrong = np.random.default_rng(seed).random(len(faces)) < 0.5
    faces[wrong] = faces[wrong][:, ::-1]
    solid = solid_of(trimesh.Trimesh(sphere.vertices, faces, process=False))
    assert solid.mesh.volume == pytest.approx(sphere.volume)
    assert solid.mesh.is_watertight
    assert solid.turned == wrong.sum()


def test_a_body_inside_out_is_turned_and_a_cavity_is_not() -> None:
    near, far = box(), box()
    far.apply_translation([5, 0, 0])
    solid = solid_of(joined(near, reversed_(far)))
    assert (solid.mesh.volume, solid.turned) == (pytest.approx(12), 12)
    alone = solid_of(reversed_(near))
    assert (alone.mesh.volume, alone.turned) == (pytest.approx(6), 12)
    small = box()
    small.apply_transform(trimesh.transformations.scale_matrix(0.5, [0.5, 1, 1.5]))
    hollow = solid_of(joined(near, reversed_(small)))
    assert (hollow.mesh.volume, hollow.turned) == (pytest.approx(6 - 6 / 8), 0)


@pytest.mark.parametrize("again", [box(), reversed_(box())], ids=["doubled", "and reversed"])
def test_doubled_faces_count_once(again: trimesh.Trimesh) -> None:
    faces = np.vstack([box().faces, again.faces])
    solid = solid_of(trimesh.Trimesh(box().vertices, faces, process=False))
    assert (solid.mesh.volume, solid.doubled, solid.source_faces) == (pytest.approx(6), 12, 12)
    assert solid.mesh.is_watertight


def test_rims_that_touch_are_closed_apart() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=2)
    # Two faces that share a corner and no edge: their rims meet in it.
    first = sphere.faces[0]
    others = [
        i
        for i, face in enumerate(sphere.faces)
        if len(set(face) & set(first)) == 1 and set(face) & set(first) == {first[0]}
    ]
    faces = np.delete(np.array(sphere.faces), [0, others[len(others) // 2]], axis=0)
    solid = solid_of(trimesh.Trimesh(sphere.vertices, faces, process=False))
    assert solid.openings == 2
    assert solid.mesh.is_watertight
    assert solid.mesh.volume == pytest.approx(sphere.volume, rel=1e-3)


def test_what_is_no_solid_at_all_does_not_hang() -> None:
    leaf = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]], process=False)
    assert len(solid_of(leaf).mesh.faces) >= 1
    shared_edge = trimesh.Trimesh(
        [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1]],
        [[0, 1, 2], [0, 1, 3], [0, 1, 4]],
        process=False,
    )
    assert len(solid_of(shared_edge).mesh.faces) >= 3


def open_head(seed: int) -> tuple[trimesh.Trimesh, trimesh.Trimesh]:
    """A generated head, and the same one open at the neck and where its mouth is."""
    whole = generate_head(seed)
    middles = whole.triangles_center
    neck = middles[:, 1] < whole.bounds[0, 1] + 1e-4
    front = whole.vertices[whole.vertices[:, 2].argmax()]  # the nose's tip
    mouth = np.linalg.norm(middles - (front + [0, -0.035, -0.015]), axis=1) < 0.012
    assert neck.any()
    assert mouth.any()
    opened = trimesh.Trimesh(whole.vertices, whole.faces[~(neck | mouth)], process=False)
    opened.remove_unreferenced_vertices()
    assert not opened.is_watertight
    return whole, opened


def oracle(solid: trimesh.Trimesh, renderer) -> trimesh.Trimesh:
    views = renderer.render(solid, 96)
    settings = ExtractionSection(resolution=96)
    occupancy = views.occupancy.astype(np.float32)
    return extract(fused(occupancy, views.depth, views.normal, settings), settings).mesh


def test_the_oracle_of_an_open_head_is_that_of_the_whole_one(renderer) -> None:
    whole, opened = open_head(5)
    truth, transform = canonical_solid(whole, "y", close=True)
    solid, other = canonical_solid(opened, "y", close=True)
    np.testing.assert_allclose(other, transform, atol=1e-9)
    measured = 5000, (0.01,), 0
    as_whole = compare(oracle(truth.mesh, renderer), truth.mesh, *measured)
    closed = compare(oracle(solid.mesh, renderer), truth.mesh, *measured)
    left, _ = canonical_solid(opened, "y", close=False)
    open_ = compare(oracle(left.mesh, renderer), truth.mesh, *measured)
    assert closed["iou"] > as_whole["iou"] - 0.01 > 0.97
    assert closed["f_score_0.01"] > as_whole["f_score_0.01"] - 0.01
    assert open_["iou"] < 0.8  # what the fault was


def test_signed_distances_of_an_open_head_have_its_inside(renderer) -> None:
    whole, opened = open_head(5)
    truth, _ = canonical_solid(whole, "y", close=True)
    solid, _ = canonical_solid(opened, "y", close=True)
    points = np.random.default_rng(0).uniform(-0.9, 0.9, (4000, 3))
    ours, theirs = (signed_distance(points, mesh) < 0 for mesh in (solid.mesh, truth.mesh))
    assert (ours == theirs).mean() > 0.998
