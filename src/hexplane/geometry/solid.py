"""Solids from surfaces: a scan gets an inside before anything is rendered from outside.

Through an opening a ray meets the surface from inside, and fusion then carves the head away. So
each opening is closed by a fan around the centre of its rim, doubled faces are counted once, and
faces are turned to point out of their body.
"""

from dataclasses import dataclass
from typing import Any

import igl
import numpy as np
import trimesh
from numpy.typing import NDArray

from hexplane.geometry import frame
from hexplane.geometry.distance import inside
from hexplane.geometry.meshes import normalise

Faces = NDArray[np.int64]

POINTS, RAYS = 16, 64
"""From so many points of a sheet, and so many rays from each, it is seen which side is out."""
NEAR = 1e-4
"""Share of the mesh's extent from a sheet at which these rays start."""


@dataclass(frozen=True)
class Solid:
    """A surface with an inside.

    Attributes:
        mesh: the source's own faces first, then those that close its openings.
        source_faces: how many faces are the source's own.
        openings: how many openings were closed.
        closed_share: share of the whole area that closes them.
        doubled: faces that were left out because another one has the same corners.
        turned: faces that were turned over.
    """

    mesh: trimesh.Trimesh
    source_faces: int
    openings: int = 0
    closed_share: float = 0.0
    doubled: int = 0
    turned: int = 0

    @property
    def facts(self) -> dict[str, Any]:
        """What a manifest says of it."""
        return {
            "source_faces": self.source_faces,
            "openings": self.openings,
            "closed_share": self.closed_share,
            "doubled_faces": self.doubled,
            "turned_faces": self.turned,
        }


def canonical_solid(
    mesh: trimesh.Trimesh, up: frame.UpAxis, close: bool
) -> tuple[Solid, frame.Array]:
    """A mesh in the canonical cube, and the source-to-canonical transform [4, 4].

    Args:
        mesh: welded, in its own coordinates.
        up: axis that points up in it.
        close: make it a solid; otherwise it is taken as it is.
    """
    # Moved first: what follows takes a mesh of about this size, near the origin.
    moved, transform = normalise(mesh, up)
    return solid_of(moved) if close else as_it_is(moved), transform


def as_it_is(mesh: trimesh.Trimesh) -> Solid:
    """A surface taken as it is, open or not."""
    return Solid(mesh, len(mesh.faces))


def solid_of(mesh: trimesh.Trimesh) -> Solid:
    """The solid that a welded surface bounds; a closed, outward one stays as it is, bit for bit."""
    closed = mesh.is_watertight and mesh.is_winding_consistent and mesh.body_count == 1
    if closed and _signed_volumes(mesh).sum() > 0:
        return as_it_is(mesh)
    own = _once(np.asarray(mesh.faces, dtype=np.int64))
    doubled = len(mesh.faces) - len(own)
    oriented = _consistent(trimesh.Trimesh(mesh.vertices, own, process=False))
    vertices, caps, openings = _caps(np.asarray(mesh.vertices), oriented)
    faces = _outward(trimesh.Trimesh(vertices, np.vstack([oriented, caps]), process=False))
    turned = int((faces[: len(own)] != own).any(axis=1).sum())
    if not (doubled or turned or openings):
        return as_it_is(mesh)
    solid = trimesh.Trimesh(vertices, faces, process=False)
    share = float(solid.area_faces[len(own) :].sum() / solid.area)
    return Solid(solid, len(own), openings, share, doubled, turned)


def _once(faces: Faces) -> Faces:
    """Faces without those whose three corners an earlier one has, in any order."""
    low, middle, high = np.sort(faces, axis=1).T
    count = int(faces.max()) + 1
    # A pair of corners fits into 64 bits, three of a large mesh do not.
    pairs = np.unique(low * count + middle, return_inverse=True)[1]
    _, first = np.unique(pairs.reshape(-1) * count + high, return_index=True)
    return faces[np.sort(first)]


def _consistent(mesh: trimesh.Trimesh) -> Faces:
    """Faces such that neighbours run the same way around."""
    faces = np.asarray(mesh.faces, dtype=np.int64)
    if mesh.is_winding_consistent:
        return faces
    turned, _ = igl.bfs_orient(faces)
    same = (np.sort(turned, axis=1) == np.sort(faces, axis=1)).all()
    return np.asarray(turned, dtype=np.int64) if same else faces


def _caps(vertices: NDArray[np.float64], faces: Faces) -> tuple[NDArray[np.float64], Faces, int]:
    """Vertices with the rims' centres, the fans [C, 3] around them, and how many rims there are."""
    following: dict[int, list[int]] = {}
    for start, end in _rim_edges(faces):
        following.setdefault(end, []).append(start)  # the cap runs the other way around
    centres: list[NDArray[np.float64]] = []
    fans: list[tuple[int, int, int]] = []
    while following:
        rim = _rim(following)
        if len(rim) < 3:
            continue
        apex = len(vertices) + len(centres)
        centres.append(vertices[rim].mean(axis=0))
        fans += [(a, b, apex) for a, b in zip(rim, rim[1:] + rim[:1], strict=True)]
    if not centres:
        return vertices, np.zeros((0, 3), dtype=np.int64), 0
    return np.vstack([vertices, *centres]), np.array(fans, dtype=np.int64), len(centres)


def _rim_edges(faces: Faces) -> list[tuple[int, int]]:
    """Edges of one face only, each as that face runs along it."""
    edges, shared = _edges(faces)
    return [(a, b) for a, b in edges[shared == 1].tolist()]


def _edges(faces: Faces) -> tuple[Faces, NDArray[np.int64]]:
    """Edges [3 F, 2] as each face runs along them, and how many faces share each, [3 F]."""
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    keys = edges.min(axis=1) * (int(faces.max()) + 1) + edges.max(axis=1)
    _, place, count = np.unique(keys, return_inverse=True, return_counts=True)
    return edges, count[place.reshape(-1)]


def _rim(following: dict[int, list[int]]) -> list[int]:
    """One closed walk along edges, which it takes away; empty where the edges close none."""
    start = next(iter(following))
    walk, places = [start], {start: 0}
    while True:
        ends = following.get(walk[-1])
        if not ends:  # a dead end: no rim goes around here
            following.pop(walk[-1], None)
            return []
        step = ends.pop()
        if not ends:
            del following[walk[-1]]
        if step in places:  # where two rims touch, each is closed by itself
            at = places[step]
            rim, rest = walk[at:], walk[: at + 1]
            for a, b in zip(rest, rest[1:], strict=False):
                following.setdefault(a, []).append(b)
            return rim
        places[step] = len(walk)
        walk.append(step)


def _outward(mesh: trimesh.Trimesh) -> Faces:
    """Faces, with bodies that were inside out turned back; a body's cavities are none of these."""
    faces = np.array(mesh.faces, dtype=np.int64)
    labels = trimesh.graph.connected_component_labels(mesh.face_adjacency, node_count=len(faces))
    if _edges(faces)[1].max() > 2:
        # Sheets that meet like this bound no body each: which side is out has to be looked at.
        wrong = [part for part in range(labels.max() + 1) if _looks_inwards(mesh, labels == part)]
    else:
        wrong = _inside_out(mesh, faces, labels)
    turned = np.isin(labels, wrong)
    faces[turned] = faces[turned][:, ::-1]
    return faces


def _inside_out(mesh: trimesh.Trimesh, faces: Faces, labels: NDArray[np.integer]) -> list[int]:
    """Bodies of negative volume that lie in no other one."""
    volumes = np.bincount(labels, _signed_volumes(mesh))
    wrong = []
    for body in np.flatnonzero(volumes < 0):
        others = faces[(labels != body) & (volumes[labels] > 0)]
        if not (len(others) and _lies_in(mesh, faces[labels == body], others)):
            wrong.append(int(body))
    return wrong


def _looks_inwards(mesh: trimesh.Trimesh, part: NDArray[np.bool_]) -> bool:
    """Whether a part's back sees more of the outside than its front.

    Takayama et al., A simple method for correcting facet orientations in polygon meshes based on
    ray casting, JCGT 2014.
    """
    own = np.flatnonzero(part)
    rng = np.random.default_rng(0)
    areas = mesh.area_faces[own]
    if not areas.sum() > 0:
        return False
    chosen = own[rng.choice(len(own), POINTS, p=areas / areas.sum())]
    weights = rng.dirichlet((1, 1, 1), POINTS)
    points = np.einsum("ij,ijk->ik", weights, mesh.triangles[chosen])
    normals = mesh.face_normals[chosen]
    free = []
    for side in (1, -1):
        rays = rng.normal(size=(POINTS * RAYS, 3))
        along = np.repeat(side * normals, RAYS, axis=0)
        rays *= np.sign(np.einsum("ij,ij->i", rays, along))[:, None]
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        origins = np.repeat(points, RAYS, axis=0) + NEAR * mesh.extents.max() * along
        hits = mesh.ray.intersects_any(origins, rays)
        free.append(int((~hits).sum()))
    return free[1] > free[0]


def _signed_volumes(mesh: trimesh.Trimesh) -> NDArray[np.float64]:
    """Volume of each face's tetrahedron with the mesh's middle."""
    corners = mesh.triangles - mesh.bounds.mean(axis=0)
    return np.asarray(np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])))


def _lies_in(mesh: trimesh.Trimesh, body: Faces, others: Faces) -> bool:
    """Whether a body lies within others: the middle of its faces does, for most of them."""
    outer = trimesh.Trimesh(mesh.vertices, others, process=False)
    return bool(inside(mesh.vertices[body].mean(axis=1), outer).mean() > 0.5)
