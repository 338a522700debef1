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
from hexplane.geometry.topology import Edges, Faces, edges_of

POINTS, RAYS = 16, 64
"""From so many points of a sheet, and so many rays from each, it is seen which side is out."""
NEAR = 1e-4
"""Share of the mesh's extent from a sheet at which these rays start."""


@dataclass(frozen=True)
class Solid:
    """A surface with an inside.

    Attributes:
        mesh: the source's own faces first, then those that close its openings.
        edges: how its faces meet.
        source_faces: how many faces are the source's own.
        openings: how many openings were closed.
        closed_share: share of the whole area that closes them.
        doubled: faces that were left out because another one has the same corners.
        turned: faces that were turned over.
    """

    mesh: trimesh.Trimesh
    edges: Edges
    source_faces: int
    openings: int = 0
    closed_share: float = 0.0
    doubled: int = 0
    turned: int = 0

    @property
    def facts(self) -> dict[str, Any]:
        """What a manifest says of it."""
        return {
            "components": self.edges.components,
            "watertight": self.edges.closed,
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


def as_it_is(mesh: trimesh.Trimesh, edges: Edges | None = None) -> Solid:
    """A surface taken as it is, open or not; `edges`: its own, where they are known."""
    return Solid(mesh, edges or edges_of(_faces(mesh)), len(mesh.faces))


def solid_of(mesh: trimesh.Trimesh) -> Solid:
    """The solid that a welded surface bounds; a closed, outward one stays as it is, bit for bit."""
    vertices, edges = np.asarray(mesh.vertices), edges_of(_faces(mesh))
    whole = edges.closed and edges.consistent and edges.components == 1
    if whole and _signed_volumes(vertices, edges.faces).sum() > 0:
        return as_it_is(mesh, edges)
    own = edges.faces
    if edges.may_be_doubled:
        own = _once(own)
        edges = edges_of(own)
    doubled = len(mesh.faces) - len(own)
    oriented = _consistent(edges)
    vertices, caps, openings = _caps(vertices, oriented)
    closed = edges_of(np.vstack([oriented.faces, caps])) if openings else oriented
    faces = _outward(vertices, closed)
    turned = int((faces[: len(own)] != own).any(axis=1).sum())
    if not (doubled or turned or openings):
        return as_it_is(mesh, closed)
    solid = trimesh.Trimesh(vertices, faces, process=False)
    share = float(solid.area_faces[len(own) :].sum() / solid.area)
    return Solid(solid, closed, len(own), openings, share, doubled, turned)


def _faces(mesh: trimesh.Trimesh) -> Faces:
    return np.array(mesh.faces, dtype=np.int64)


def _once(faces: Faces) -> Faces:
    """Faces without those whose three corners an earlier one has, in any order."""
    low, middle, high = np.sort(faces, axis=1).T
    count = int(faces.max()) + 1
    # A pair of corners fits into 64 bits, three of a large mesh do not.
    pairs = np.unique(low * count + middle, return_inverse=True)[1]
    _, first = np.unique(pairs.reshape(-1) * count + high, return_index=True)
    return faces[np.sort(first)]


def _consistent(edges: Edges) -> Edges:
    """Faces such that neighbours run the same way around."""
    if edges.consistent:
        return edges
    turned, _ = igl.bfs_orient(edges.faces)
    same = (np.sort(turned, axis=1) == np.sort(edges.faces, axis=1)).all()
    return edges_of(np.asarray(turned, dtype=np.int64)) if same else edges


def _caps(vertices: NDArray[np.float64], edges: Edges) -> tuple[NDArray[np.float64], Faces, int]:
    """Vertices with the rims' centres, the fans [C, 3] around them, and how many rims there are."""
    following: dict[int, list[int]] = {}
    for start, end in edges.rims.tolist():
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


def _outward(vertices: NDArray[np.float64], edges: Edges) -> Faces:
    """Faces, with bodies that were inside out turned back; a body's cavities are none of these."""
    labels = edges.labels
    if edges.most > 2:
        # Sheets that meet like this bound no body each: which side is out has to be looked at.
        mesh = trimesh.Trimesh(vertices, edges.faces, process=False)
        wrong = [part for part in range(labels.max() + 1) if _looks_inwards(mesh, labels == part)]
    else:
        wrong = _inside_out(vertices, edges)
    if not wrong:
        return edges.faces
    faces, turned = edges.faces.copy(), np.isin(labels, wrong)
    faces[turned] = faces[turned][:, ::-1]
    return faces


def _inside_out(vertices: NDArray[np.float64], edges: Edges) -> list[int]:
    """Bodies of negative volume that lie in no other one."""
    faces, labels = edges.faces, edges.labels
    volumes = np.bincount(labels, _signed_volumes(vertices, faces))
    wrong = []
    for body in np.flatnonzero(volumes < 0):
        others = faces[(labels != body) & (volumes[labels] > 0)]
        if not (len(others) and _lies_in(vertices, faces[labels == body], others)):
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


def _signed_volumes(vertices: NDArray[np.float64], faces: Faces) -> NDArray[np.float64]:
    """Volume of each face's tetrahedron with the mesh's middle, times six."""
    middle = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    columns = np.ascontiguousarray((vertices - middle).T)  # single ones are gathered faster
    (ax, bx, cx), (ay, by, cy), (az, bz, cz) = (own[faces.T] for own in columns)
    return np.asarray(
        ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
    )


def _lies_in(vertices: NDArray[np.float64], body: Faces, others: Faces) -> bool:
    """Whether a body lies within others: the middle of its faces does, for most of them."""
    outer = trimesh.Trimesh(vertices, others, process=False)
    return bool(inside(vertices[body].mean(axis=1), outer).mean() > 0.5)
