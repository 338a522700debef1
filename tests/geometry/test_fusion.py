"""Fields fused from views, and the meshes taken from them, against analytic solids."""

import numpy as np
import pytest
import trimesh
from scipy import ndimage

from conftest import MARKERS
from hexplane.geometry import frame, fusion
from hexplane.geometry.distance import inside
from hexplane.geometry.isosurface import drop_islands, marching_cubes

VOXEL = 2 / 64


def _fields(renderer, mesh, resolution: int, voxels: int):
    """Carved field and visual hull."""
    views = renderer.render(mesh, resolution)
    coverage = views.occupancy.astype(np.float32)
    carved = fusion.carve(coverage, views.depth, views.normal, voxels)
    return carved, fusion.visual_hull(coverage, voxels)


def _solid(field) -> trimesh.Trimesh:
    return marching_cubes(field, 0.5, 0.0)


def _closed(mesh) -> bool:
    return mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 0


def _tricylinder(points):
    """How far points are out of the hull of a unit ball's three silhouettes: its radius."""
    squares = np.asarray(points) ** 2
    return np.sqrt((squares.sum(axis=1)[:, None] - squares).max(axis=1))


RESOLUTIONS = [(64, 64), (128, 64), (64, 96), (64, 32), (96, 32), (50, 37)]


@pytest.mark.parametrize(("resolution", "voxels"), RESOLUTIONS)
def test_carved_sphere_is_the_sphere(renderer, sphere, resolution, voxels):
    mesh = _solid(_fields(renderer, sphere, resolution, voxels)[0])
    error = (np.linalg.norm(mesh.vertices, axis=1) - 0.8) * voxels / 2  # in voxels
    assert np.abs(error).mean() < 0.15
    assert np.abs(error).max() < 1
    assert np.linalg.norm(mesh.vertices.mean(axis=0)) < 0.1 * 2 / voxels


@pytest.mark.parametrize(("resolution", "voxels"), RESOLUTIONS)
def test_hull_of_a_sphere_is_three_crossed_cylinders(renderer, sphere, resolution, voxels):
    mesh = _solid(_fields(renderer, sphere, resolution, voxels)[1])
    pixel = max(2 / resolution, 2 / voxels)
    assert np.abs(_tricylinder(mesh.vertices) - 0.8).max() < pixel
    assert mesh.volume == pytest.approx(8 * (2 - np.sqrt(2)) * 0.8**3, rel=0.02)


@pytest.mark.parametrize(("resolution", "voxels"), RESOLUTIONS)
def test_fused_solids_are_closed_and_whole(renderer, sphere, resolution, voxels):
    for field in _fields(renderer, sphere, resolution, voxels):
        mesh = _solid(field)
        assert _closed(mesh)
        assert (mesh.euler_number, mesh.body_count) == (2, 1)


@pytest.mark.parametrize("half", [(0.6, 0.5, 0.4), (0.61, 0.52, 0.43), (0.8, 0.55, 0.3)])
def test_box_keeps_its_faces_where_they_are(renderer, half):
    # Six flat faces that some view sees head-on: nothing hides where they are.
    box = trimesh.creation.box(extents=2 * np.array(half))
    carved, hull = (_solid(field) for field in _fields(renderer, box, 64, 64))
    assert np.abs(hull.bounds - box.bounds).max() < 0.51 * VOXEL
    assert np.abs(carved.bounds - box.bounds).max() < VOXEL
    for axis in range(3):
        others = np.delete(np.abs(carved.vertices), axis, axis=1)
        middle = carved.vertices[(others < 0.05).all(axis=1), axis]  # of two opposite faces
        assert np.abs(np.abs(middle) - half[axis]).max() < 0.1 * VOXEL


def test_depth_carves_what_the_silhouettes_hide(renderer):
    # A bowl, open at the top: its hollow shows in the depth of one view only.
    outer = trimesh.creation.cylinder(radius=0.8, height=1.2)
    inner = trimesh.creation.cylinder(radius=0.5, height=1.2)
    inner.apply_translation((0, 0, 0.4))
    bowl = trimesh.boolean.difference([outer, inner])
    bowl.apply_transform(trimesh.transformations.rotation_matrix(-np.pi / 2, [1, 0, 0]))
    carved, hull = (_solid(field) for field in _fields(renderer, bowl, 64, 64))
    assert carved.volume == pytest.approx(bowl.volume, rel=0.05)
    assert hull.volume > 1.3 * bowl.volume
    hollow = np.array([[0, 0.3, 0]])
    assert not inside(hollow, carved)[0]
    assert inside(hollow, hull)[0]


def test_torus_keeps_its_hole(renderer, torus):
    # The hole goes through: silhouettes along the axis show it, so that the hull has it too.
    carved, hull = (_solid(field) for field in _fields(renderer, torus, 64, 64))
    for mesh in (carved, hull):
        assert _closed(mesh)
        assert (mesh.euler_number, mesh.body_count) == (0, 1)
    assert carved.volume == pytest.approx(torus.volume, rel=0.06)
    # Silhouettes round only one way: the hull of the tube is fuller.
    assert hull.volume > 1.1 * torus.volume


def test_field_is_indexed_x_y_z(renderer, marker):
    for field in _fields(renderer, marker, 60, 60):
        # The views' hull of three boxes is the boxes: no fourth point is covered in all views.
        filled = frame.voxel_centres(60)[np.argwhere(field > 0.5)]
        distance = np.stack([np.abs(filled - c).max(axis=1) for c in MARKERS.values()])
        assert np.all(distance.min(axis=0) < 0.075)  # half a side and a voxel
        assert set(distance.argmin(axis=0)) == {0, 1, 2}


def test_soft_coverage_moves_the_hull_between_pixels():
    # Silhouette 0.5 everywhere on a square's rim: the surface goes through the rim's centres.
    coverage = np.zeros((6, 16, 16), dtype=np.float32)
    coverage[:, 3:13, 3:13] = 0.5
    coverage[:, 4:12, 4:12] = 1
    mesh = marching_cubes(fusion.visual_hull(coverage, 16), 0.4999, 0.0)
    assert np.allclose(mesh.bounds, [[-0.5625] * 3, [0.5625] * 3], atol=1e-3)


@pytest.mark.parametrize("missing", [slice(None), 3])
def test_nothing_seen_in_a_view_leaves_nothing(renderer, sphere, missing):
    views = renderer.render(sphere, 32)
    coverage = views.occupancy.astype(np.float32)
    coverage[missing] = 0
    for field in (
        fusion.carve(coverage, views.depth, views.normal, 16),
        fusion.visual_hull(coverage, 16),
    ):
        assert field.shape == (16, 16, 16)
        assert not field.any()
        assert len(_solid(field).faces) == 0


def _blurred(renderer, mesh):
    """Views as a network may decode them: silhouettes without an exact 0 anywhere."""
    views = renderer.render(mesh, 64)
    coverage = ndimage.gaussian_filter(views.occupancy.astype(np.float32), (0, 3, 3))
    depth = np.where(views.occupancy, views.depth, 0.5)
    return 0.03 + 0.94 * coverage, depth, views.normal


def test_what_no_surface_at_the_level_needs_is_left_out(renderer, torus):
    views = _blurred(renderer, torus)
    whole, part = fusion.carve(*views, 48), fusion.carve(*views, 48, 0.25)
    assert (part == 0).sum() > (whole == 0).sum()
    first, second = _solid(whole), _solid(part)
    assert len(first.faces) > 1000
    np.testing.assert_array_equal(first.faces, second.faces)
    np.testing.assert_array_equal(first.vertices, second.vertices)


@pytest.mark.parametrize("layers", [1, 5, 64])
def test_the_field_does_not_depend_on_how_it_is_cut(renderer, torus, monkeypatch, layers):
    views = _blurred(renderer, torus)
    field = fusion.carve(*views, 48)
    monkeypatch.setattr(fusion, "SLAB", layers)
    np.testing.assert_array_equal(fusion.carve(*views, 48), field)


# Depth alone


def _analytic_ball(resolution: int, radius: float = 0.8):
    """Depth [6, R, R] of a ball around the origin, by Pythagoras."""
    right, up = np.meshgrid(*frame.pixel_centres(resolution))
    height = np.sqrt(np.maximum(radius**2 - right**2 - up**2, 0))
    depth = np.where(height > 0, (1 - height) / 2, frame.BACKGROUND_DEPTH)
    return np.broadcast_to(depth, (6, resolution, resolution)).astype(np.float32)


@pytest.mark.parametrize(("resolution", "voxels"), RESOLUTIONS)
def test_depth_alone_carves_the_analytic_sphere(resolution, voxels):
    depth = _analytic_ball(resolution)
    coverage = (depth < 1).astype(np.float32)
    mesh = _solid(fusion.carve(coverage, depth, None, voxels))
    assert _closed(mesh)
    assert (mesh.euler_number, mesh.body_count) == (2, 1)
    error = (np.linalg.norm(mesh.vertices, axis=1) - 0.8) * voxels / 2  # in voxels
    assert np.abs(error).mean() < 0.15
    assert np.abs(error).max() < 1
    # Silhouettes alone give crossed cylinders, an eighth more of volume.
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 0.8**3, rel=0.02)


def test_slope_of_depth_is_that_of_the_surface():
    # A plane that rises by as much as it runs, all in view: the normal is at 45 degrees.
    ramp = np.broadcast_to((np.arange(32) + 0.5) / 32, (6, 32, 32)).astype(np.float32)
    cosine = fusion._cosine(ramp)
    assert np.allclose(cosine, np.sqrt(0.5))
    assert np.allclose(fusion._cosine(ramp.transpose(0, 2, 1)), cosine)
    assert np.allclose(fusion._cosine(np.full((6, 8, 8), 0.4)), 1)


def test_cosines_of_depth_are_those_of_the_true_normals(renderer, sphere):
    views = renderer.render(sphere, 128)
    truth = np.einsum("vchw,vc->vhw", views.normal, frame.TOWARD)
    gentle = truth > 0.5  # no neighbour is background
    assert np.abs(fusion._cosine(views.depth) - truth)[gentle].max() < 0.02


# Marching cubes


def _grid(count: int):
    axis = (np.arange(count) + 0.5) / count * 2 - 1
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)


CENTRE = np.array([0.2, -0.1, 0.3])


def _ball_distance(count: int, radius: float = 0.5, centre=CENTRE):
    return np.linalg.norm(_grid(count) - centre, axis=-1) - radius


@pytest.mark.parametrize("count", [32, 45])
@pytest.mark.parametrize("kind", ["distance", "occupancy"])
def test_indices_map_to_canonical_coordinates(kind, count):
    field = _ball_distance(count)
    if kind == "distance":
        mesh = marching_cubes(field, 0.0, 1.0)
    else:
        mesh = marching_cubes(np.clip(0.5 - 4 * field, 0, 1), 0.5, 0.0)
    error = np.linalg.norm(mesh.vertices - CENTRE, axis=1) - 0.5
    assert np.abs(error).max() < 0.05 * 2 / count
    assert _closed(mesh)
    outward = np.einsum("ij,ij->i", mesh.face_normals, mesh.triangles_center - CENTRE)
    assert outward.min() > 0
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 0.5**3, rel=0.02)


@pytest.mark.parametrize(("sign", "level", "outside"), [(1, 0.0, 1.0), (-1, 0.0, -1.0)])
def test_solid_that_touches_the_cube_is_closed(sign, level, outside):
    field = sign * _ball_distance(32, radius=0.9)  # pokes out of the cube
    mesh = marching_cubes(field, level, outside)
    assert _closed(mesh)
    assert np.abs(mesh.bounds).max() < 1 + 2 / 32


def test_full_field_gives_the_closed_cube():
    mesh = marching_cubes(np.ones((8, 8, 8)), 0.5, 0.0)
    assert _closed(mesh)
    assert np.allclose(mesh.bounds, [[-1] * 3, [1] * 3])


def test_values_exactly_at_the_level_do_not_open_the_mesh():
    # Integer distances (in voxels) from a plane-sided solid: whole faces of voxels lie on 0.
    index = np.abs(np.arange(16) - 7)
    field = np.maximum.reduce(np.meshgrid(index, index, index)).astype(float) - 4
    diamond = np.add.reduce(np.meshgrid(index, index, index)).astype(float) - 5
    for values in (field, diamond):
        mesh = marching_cubes(values, 0.0, 1.0)
        assert _closed(mesh)
        mesh.merge_vertices()  # as other software does: no two vertices in one place
        assert (mesh.euler_number, mesh.body_count) == (2, 1)
        assert _closed(mesh)


@pytest.mark.parametrize(
    ("value", "level", "outside"), [(0.0, 0.5, 0.0), (0.3, 0.5, 0.0), (1.0, 0.0, 1.0)]
)
def test_field_that_never_crosses_gives_no_faces(value, level, outside):
    assert len(marching_cubes(np.full((8, 8, 8), value), level, outside).faces) == 0


def _balls(*radii: float) -> trimesh.Trimesh:
    parts = [
        trimesh.creation.icosphere(2, radius).apply_translation((i, 0, 0))
        for i, radius in enumerate(radii)
    ]
    return trimesh.util.concatenate(parts)


def test_islands_are_dropped_by_their_share_of_the_area():
    # Areas 1 : 0.25 : 0.01
    mesh = _balls(0.4, 0.2, 0.04)
    assert drop_islands(mesh, 0.1).body_count == 2
    assert drop_islands(mesh, 0.5).body_count == 1
    assert drop_islands(mesh, 0.5).bounds[1, 0] == pytest.approx(0.4, abs=0.01)
    assert drop_islands(mesh, 0.001).body_count == 3
    assert drop_islands(mesh, 0.5).is_watertight


def test_a_lone_or_empty_mesh_has_no_islands():
    assert len(drop_islands(_balls(0.4), 1.0).faces) == len(_balls(0.4).faces)
    assert len(drop_islands(trimesh.Trimesh(), 0.5).faces) == 0
