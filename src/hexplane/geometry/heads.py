"""Seeded, realistic heads without a download.

Shapes come from anny (Brégier et al., Human Mesh Modeling for Anny Body, arXiv 2511.03589), whose
blend shapes are MakeHuman's (CC0). A body is cut at the neck, capped, and reduced to its outer
surface: six outside views could not see a mouth's or an eye socket's inside.
"""

import gzip
import shutil
import sys
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import igl
import manifold3d
import numpy as np
import trimesh
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from hexplane.plumbing.errors import UserError, system_error

PHENOTYPE = {
    "gender": (0.0, 1.0),
    "age": (0.45, 0.95),  # adults
    "muscle": (0.2, 0.9),
    "weight": (0.2, 0.85),
    "height": (0.4, 0.6),
    "proportions": (0.3, 0.7),
}
"""Range in which each global property is drawn; 0.5 is the average adult."""
REGIONS = ("cheek", "chin", "ear", "eyebrows", "eye", "forehead", "head", "mouth", "neck", "nose")
LOCAL_SPREAD = 0.25
"""Standard deviation of local changes; 1 is MakeHuman's extreme."""
ASYMMETRY = 0.05
"""Standard deviation of what tells left from right, and of changes that skew the face."""
SKEWING = ("trans-out", "angle-out", "septumangle")
NECK_CUT = 0.35
"""Height of the cut between the two lowest neck joints, from 0 (lower) to 1 (upper)."""
CHIN_DEPTH, CHIN_REACH, CHIN_GAP = 0.05, 0.04, 0.005
"""Metres: the chin lies this near behind the nose's tip and no further below the cut between the
joints; the cut stays this much below it, as on a short neck it would pass through it."""
HIDDEN = 0.01
"""A vertex is hidden when it sees less of the outside than this share of all directions."""
MIN_CAVITY_FACES = 50
READER_TESTED = "0.6.2"
"""Version of anny whose private reader of blend shapes has a faster twin here."""
SLIVER = 2e-5
"""Metres; what the booleans left that is thinner or shorter goes, or a file's rounding opens it."""
CAP_RIM = 0.03
"""Width of the rim of the neck's cap, as a share of the way to its centre."""


class Parameter(NamedTuple):
    """A number that a head is drawn with: evenly between limits, or normal around 0."""

    name: str
    limits: tuple[float, float] | None
    deviation: float  # of a normal number


def generate_head(seed: int) -> trimesh.Trimesh:
    """A head as one watertight solid without cavities, about 26,500 faces.

    Metres, +y up, +z front, the person's left at +x, faces outwards. The same seed gives the
    same head. The first call on a machine takes longer: anny's assets are parsed and cached.

    Raises:
        ValueError: the seed is not a whole number of 0 or more.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed must be a whole number of 0 or more, not {seed!r}")
    return head_of(draw(seed))


@cache
def parameters() -> tuple[Parameter, ...]:
    """All numbers of a head, independent of each other, in the order in which they are drawn."""
    found = [Parameter(name, limits, 0.0) for name, limits in PHENOTYPE.items()]
    for label in sorted(body_model().local_change_labels):  # left before right
        side, region = _side_and_region(label)
        if region not in REGIONS:
            continue
        # What is drawn for the right side is its difference to the left.
        skews = any(word in label for word in SKEWING) and side != "l"
        small = side == "r" or skews
        found.append(Parameter(label, None, ASYMMETRY if small else LOCAL_SPREAD))
    return tuple(found)


def draw(seed: int) -> NDArray[np.float64]:
    """The numbers [P] of the head of a seed, one for each of `parameters`."""
    rng = np.random.default_rng(seed)
    return np.array(
        [
            rng.uniform(*own.limits) if own.limits else rng.normal(0, own.deviation)
            for own in parameters()
        ]
    )


def head_of(numbers: NDArray[np.floating]) -> trimesh.Trimesh:
    """The head of some numbers [P], as `generate_head` returns it."""
    vertices, faces, cut = _body(numbers)
    smooth, fine = trimesh.remesh.subdivide_loop(vertices, faces, iterations=1)
    above = _manifold(smooth, fine).trim_by_plane((0.0, 1.0, 0.0), cut)
    head = _trimesh(manifold3d.Manifold.batch_boolean(above.decompose(), manifold3d.OpType.Add))
    plugs = [manifold3d.Manifold.hull_points(points) for points in _cavities(head)]
    solids = [_manifold(head.vertices, head.faces), *plugs]
    filled = manifold3d.Manifold.batch_boolean(solids, manifold3d.OpType.Add)
    # What is left of a cavity between its wall and its plug is a shell of its own.
    shells = _trimesh(filled.as_original().simplify(SLIVER)).split(only_watertight=False)
    return _recap(_contract(max(shells, key=lambda shell: shell.area)))


def _body(
    numbers: NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.int64], float]:
    """A body's vertices (metres, y-up, z-front) and faces, and the height of the cut."""
    import torch

    model = body_model()
    phenotype: dict[str, float] = {}
    changes: dict[str, float] = {}
    for own, number in zip(parameters(), numbers.tolist(), strict=True):
        if own.limits:
            phenotype[own.name] = number
            continue
        twin = changes[f"l-{own.name[2:]}"] if own.name.startswith("r-") else 0.0
        changes[own.name] = float(np.clip(twin + number, -0.7, 0.7))
    with torch.no_grad():
        rest = model(phenotype_kwargs=phenotype, local_changes_kwargs=changes)
    x, y, z = rest["rest_vertices"][0].double().numpy().T  # anny: z up, facing -y
    heights = rest["rest_bone_heads"][0].reshape(-1, 3)[:, 2].double().numpy()
    lower, upper = (heights[model.bone_labels.index(bone)] for bone in ("neck01", "neck02"))
    cut = lower + NECK_CUT * (upper - lower)
    front = y < y[z > cut].min() + CHIN_DEPTH
    cut = float(min(cut, z[front & (z > cut - CHIN_REACH)].min() - CHIN_GAP))
    return np.stack([x, z, -y], axis=1), model.faces.numpy().astype(np.int64), cut


def _side_and_region(label: str) -> tuple[str, str]:
    """Of `l-ear-scale` l and ear; of `nose-width` nothing and nose."""
    side, _, rest = label.partition("-") if label[:2] in ("l-", "r-") else ("", "", label)
    return side, rest.split("-")[0]


@cache
def body_model() -> Any:
    """The parametric body; anny parses its assets once into `ANNY_CACHE_DIR` (`~/.cache/anny`).

    Raises:
        UserError: nothing can be written there.
    """
    import anny
    import anny.models.full_model
    from anny.paths import get_anny_cache_path, set_anny_cache_path
    from filelock import FileLock

    folder = get_anny_cache_path()
    ready, partial = (folder / f"hexplane-{anny.__version__}{end}" for end in ("", ".partial"))

    def read(cache: Path) -> Any:
        set_anny_cache_path(cache)
        try:
            with _fast_reader(anny):
                # "lbs" compiles no kernels and prints nothing. The default "compact" shapes depend
                # on the number of threads that built them.
                return anny.Anny(
                    local_changes="all", skinning_method="lbs", phenotype_blendshapes="original"
                )
        finally:
            set_anny_cache_path(folder)

    if ready.exists():  # also where nothing may be written
        return read(ready)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # anny writes its cache in place: a second job waits, and a killed one leaves no half file.
        with FileLock(folder / "hexplane.lock"):
            if ready.exists():
                return read(ready)
            shutil.rmtree(partial, ignore_errors=True)
            try:
                model = read(partial)
                for intermediate in partial.glob("*/load_data_*"):  # 0.5 GB, not read again
                    intermediate.unlink()
                partial.rename(ready)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    except Exception as error:
        system = system_error(error)
        if system is None:
            raise
        raise UserError(
            f"{folder}: cannot be written ({system.strerror}); "
            "name another folder by ANNY_CACHE_DIR, with 0.6 GB free"
        ) from error
    return model


def _fast_reader(anny: Any) -> AbstractContextManager[Any]:
    """Lets anny read by `_blend_shape`, in the version for which the two were found equal."""
    reader = "load_blend_shape"
    if anny.__version__ == READER_TESTED and hasattr(anny.models.full_model, reader):
        return mock.patch.object(anny.models.full_model, reader, _blend_shape)
    print(
        f"anny {anny.__version__} is not {READER_TESTED}: its assets are read slowly, once",
        file=sys.stderr,
    )
    return nullcontext()


def _blend_shape(filename: str, vertices_count: int, world_transformation: Any, dtype: Any) -> Any:
    """What anny's own reader returns, bit for bit, but parsed in one go: 10 times as fast."""
    import torch

    with gzip.open(filename) as archive:
        rows = np.array(archive.read().split(), dtype=np.float64).reshape(-1, 4)
    offsets = np.zeros((vertices_count, 3))
    offsets[rows[:, 0].astype(np.int64)] = rows[:, 1:]
    return world_transformation.apply(torch.as_tensor(offsets, dtype=dtype))


def _cavities(mesh: trimesh.Trimesh) -> list[NDArray[np.float32]]:
    """Points [N, 3] of each connected part of a surface that sees next to nothing outside."""
    hidden = _hidden(mesh)
    faces = mesh.faces[hidden[mesh.faces].all(axis=1)]
    parts = trimesh.Trimesh(mesh.vertices, faces, process=False).split(only_watertight=False)
    return [p.vertices.astype(np.float32) for p in parts if len(p.faces) >= MIN_CAVITY_FACES]


def _hidden(mesh: trimesh.Trimesh, directions: int = 256) -> NDArray[np.bool_]:
    """Which vertices [V] see out of the mesh in less than `HIDDEN` of all directions."""
    scene = EmbreeScene()
    TriangleMesh(
        scene, np.array(mesh.vertices, dtype=np.float32), np.array(mesh.faces, dtype=np.int32)
    )
    # A Fibonacci sphere, in an order that looks everywhere soon.
    index = np.arange(directions) * 101 % directions + 0.5
    polar = np.arccos(1 - 2 * index / directions)
    azimuth = np.pi * (1 + np.sqrt(5)) * index
    rays = np.stack(
        [np.cos(azimuth) * np.sin(polar), np.sin(azimuth) * np.sin(polar), np.cos(polar)], axis=1
    ).astype(np.float32)
    origins = (mesh.vertices + 1e-4 * mesh.vertex_normals).astype(np.float32)  # 0.1 mm outside
    free = np.zeros(len(origins))
    unsettled = np.arange(len(origins))
    for ray in rays:
        # Most vertices are soon known to see enough.
        unsettled = unsettled[free[unsettled] < HIDDEN * directions]
        along = np.tile(ray, (len(unsettled), 1))
        free[unsettled] += scene.run(origins[unsettled], along, query="OCCLUDED") == -1
    return free < HIDDEN * directions


def _contract(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """The mesh without edges shorter than `SLIVER`, but for those that hold it together."""
    faces, needed = np.array(mesh.faces), set[tuple[int, int]]()
    while True:
        edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
        short = np.linalg.norm(np.subtract(*mesh.vertices[edges.T]), axis=1) < SLIVER
        left = sorted({(a, b) for a, b in edges[short].tolist() if a < b} - needed)
        if not left:
            break
        a, b = left[0]
        near_a, near_b = (set(faces[(faces == end).any(axis=1)].flat) for end in (a, b))
        if len(near_a & near_b) != 4:  # besides a and b, their two faces' third corners
            needed.add((a, b))
            continue
        faces[faces == b] = a
        faces = faces[(faces != np.roll(faces, 1, axis=1)).all(axis=1)]
    contracted = trimesh.Trimesh(mesh.vertices, faces, process=False)
    contracted.remove_unreferenced_vertices()
    return contracted


def _recap(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """The mesh with its flat bottom as a narrow rim around a fan.

    A cut's faces reach from rim to rim: normals interpolated between corners would all be slanted.
    """
    bottom = mesh.vertices[:, 1] < mesh.bounds[0, 1] + SLIVER
    walls = mesh.faces[~bottom[mesh.faces].all(axis=1)]
    a = igl.boundary_loop(walls)[::-1]  # the rim, in the cap's own sense
    centre = mesh.vertices[a].mean(axis=0)
    inner = mesh.vertices[a] + CAP_RIM * (centre - mesh.vertices[a])
    c = len(mesh.vertices) + np.arange(len(a))
    b, d = np.roll(a, -1), np.roll(c, -1)
    cap = [(a, b, d), (a, d, c), (c, d, np.full_like(c, c[-1] + 1))]
    faces = np.vstack([walls, *(np.stack(corners, axis=1) for corners in cap)])
    return trimesh.Trimesh(np.vstack([mesh.vertices, inner, centre]), faces, process=False)


def _manifold(vertices: NDArray[Any], faces: NDArray[Any]) -> manifold3d.Manifold:
    mesh = manifold3d.Mesh(np.array(vertices, dtype=np.float32), np.array(faces, dtype=np.uint32))
    return manifold3d.Manifold(mesh)


def _trimesh(solid: manifold3d.Manifold) -> trimesh.Trimesh:
    mesh = solid.to_mesh()
    welded = trimesh.Trimesh(mesh.vert_properties[:, :3], mesh.tri_verts, process=False)
    welded.merge_vertices()
    return welded
