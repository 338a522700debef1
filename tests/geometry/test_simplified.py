"""Simplified meshes in Draco's code: what goes in comes out, to a step of its quantisation."""

import DracoPy
import numpy as np
import pytest
import trimesh
from fast_simplification import simplify
from scipy.spatial import cKDTree

from hexplane.geometry.simplified import BITS, Buffer, Rung, buffers, decoded, ladder
from support.project import bump


@pytest.fixture(scope="module")
def mesh() -> trimesh.Trimesh:
    return bump(0)


@pytest.fixture(scope="module")
def rungs(mesh: trimesh.Trimesh) -> list[Rung]:
    return list(ladder(mesh))


@pytest.fixture(scope="module")
def made(mesh: trimesh.Trimesh) -> list[Buffer]:
    return buffers(mesh)


def test_rungs_have_fewer_and_fewer_faces_and_stay_closed(mesh: trimesh.Trimesh, rungs: list[Rung]):
    counts = [len(rung.faces) for rung in rungs]
    assert counts[0] == len(mesh.faces) and counts[-1] < 20
    assert all(b < a for a, b in zip(counts, counts[1:], strict=False))
    for rung in rungs:
        assert trimesh.Trimesh(rung.vertices, rung.faces, process=False).is_watertight


def test_many_small_steps_are_nearer_than_one(mesh: trimesh.Trimesh, rungs: list[Rung]):
    rung = next(rung for rung in rungs if len(rung.faces) <= 100)
    once = simplify(
        np.asarray(mesh.vertices, np.float32),
        np.asarray(mesh.faces, np.int32),
        target_count=len(rung.faces),
    )
    volumes = [
        trimesh.Trimesh(vertices, faces, process=False).volume
        for vertices, faces in ((rung.vertices, rung.faces), once)
    ]
    ours, theirs = (abs(volume - mesh.volume) for volume in volumes)
    assert ours < theirs


@pytest.mark.parametrize("bits", [BITS[0], 8, BITS[-1]])
def test_vertices_come_back_within_half_a_step(
    mesh: trimesh.Trimesh, made: list[Buffer], bits: int
):
    whole = next(own for own in made if own.bits == bits)
    found = decoded(whole.data)
    assert len(found.faces) == len(mesh.faces)
    step = mesh.extents.max() / (2**bits - 1)
    distances, _ = cKDTree(mesh.vertices).query(found.vertices)
    assert distances.max() <= np.sqrt(3) * step / 2 + 1e-6
    assert abs(found.volume / mesh.volume - 1) < 4 * step


def test_buffers_are_what_the_format_says(made: list[Buffer]):
    # https://google.github.io/draco/spec: "DRACO", version 2.2, a triangular mesh, edgebreaker.
    for own in made:
        assert own.data[:9] == b"DRACO\x02\x02\x01\x01"
        assert own.seconds >= 0
    smallest = min(made, key=lambda own: len(own.data))
    assert len(smallest.data) < 130
    assert len(DracoPy.decode(smallest.data).faces) < 20
