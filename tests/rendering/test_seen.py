"""How much of a surface six views show, against shapes whose hidden part is known."""

import numpy as np
import pytest
import trimesh

from hexplane.rendering.seen import seen_share


def share(mesh: trimesh.Trimesh, renderer, resolution: int = 128) -> float:
    return seen_share(mesh, renderer.render(mesh, resolution))


@pytest.mark.parametrize("resolution", [32, 128, 256])
def test_a_sphere_and_a_box_are_seen_whole(renderer, sphere, resolution: int) -> None:
    assert share(sphere, renderer, resolution) > 0.995
    box = trimesh.creation.box(extents=[1.2, 0.8, 1.6])
    assert share(box, renderer, resolution) > 0.995


@pytest.mark.parametrize("radius", [0.2, 0.4, 0.6])
def test_a_body_within_a_body_is_not_seen(renderer, sphere, radius: float) -> None:
    inner = trimesh.creation.icosphere(subdivisions=4, radius=radius)
    both = trimesh.util.concatenate([sphere, inner])
    hidden = radius**2 / (radius**2 + 0.8**2)
    assert share(both, renderer) == pytest.approx(1 - hidden, abs=0.015)


def test_the_inner_wall_of_a_tilted_tube_is_mostly_hidden(renderer) -> None:
    tube = trimesh.creation.annulus(r_min=0.15, r_max=0.2, height=1.0)
    straight = share(tube, renderer)
    tube.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 4, [1, 1, 0]))
    inner = 0.15 / (0.15 + 0.2)
    # Along the tube a view looks past its walls, which stand edge-on; tilted, none looks through.
    assert straight == pytest.approx(1 - inner, abs=0.06)
    assert share(tube, renderer) < 0.8
