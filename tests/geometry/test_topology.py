"""How faces meet, against trimesh and against shapes that are known."""

import numpy as np
import pytest
import trimesh

from hexplane.geometry.topology import edges_of

TETRAHEDRON = np.array([(0, 2, 1), (0, 1, 3), (1, 2, 3), (2, 0, 3)])


def random_part(seed: int) -> trimesh.Trimesh:
    """A sphere and a torus, without some faces, some turned over, in a random order."""
    rng = np.random.default_rng(seed)
    sphere, torus = trimesh.creation.icosphere(2), trimesh.creation.torus(3.0, 0.5)
    faces = np.vstack([sphere.faces, torus.faces + len(sphere.vertices)])
    faces = rng.permutation(faces)[rng.integers(0, len(faces) // 2) :]
    turned = rng.random(len(faces)) < rng.choice([0.0, 0.1])
    faces[turned] = faces[turned][:, ::-1]
    vertices = np.vstack([sphere.vertices, torus.vertices])
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    mesh.remove_unreferenced_vertices()
    return mesh


@pytest.mark.parametrize("seed", range(20))
def test_it_is_what_trimesh_says(seed: int) -> None:
    mesh = random_part(seed)
    edges = edges_of(np.asarray(mesh.faces))
    assert edges.closed == mesh.is_watertight
    assert edges.consistent == mesh.is_winding_consistent
    assert edges.components == mesh.body_count
    labels = trimesh.graph.connected_component_labels(mesh.face_adjacency, len(mesh.faces))
    np.testing.assert_array_equal(edges.labels, labels)
    alone = trimesh.grouping.group_rows(mesh.edges_sorted, require_count=1)
    np.testing.assert_array_equal(edges.rims, mesh.edges[np.sort(alone)])
    assert not edges.may_be_doubled


def test_a_tetrahedron_and_what_is_done_to_it() -> None:
    whole = edges_of(TETRAHEDRON)
    assert (whole.closed, whole.consistent, whole.components, whole.most) == (True, True, 1, 2)
    assert len(whole.pairs) == 6
    opened = edges_of(TETRAHEDRON[1:])
    assert not opened.closed
    assert opened.rims.tolist() == [[0, 1], [1, 2], [2, 0]]
    touching = edges_of(np.vstack([TETRAHEDRON, TETRAHEDRON + 3]))  # in one vertex
    assert (touching.components, touching.labels.max() + 1) == (1, 2)
    apart = edges_of(np.vstack([TETRAHEDRON, TETRAHEDRON + 4]))
    assert apart.components == 2


@pytest.mark.parametrize("corners", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_a_face_that_is_there_twice_is_seen(corners: tuple[int, int, int]) -> None:
    assert edges_of(np.vstack([TETRAHEDRON, [corners]])).may_be_doubled
    assert edges_of(np.array([(0, 1, 2), corners])).may_be_doubled  # a leaf of two sides
