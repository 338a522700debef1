"""silhouettes: the outlines of six views as closed curves in space."""

from pathlib import Path

import numpy as np

from hexplane.geometry import frame
from hexplane.geometry.meshes import load_mesh
from hexplane.geometry.solid import canonical_solid
from hexplane.plumbing.claims import claim
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import sha256, write_text
from hexplane.plumbing.manifests import Job, content_digest, manifest_path
from hexplane.reconstruction.silhouettes import Silhouette, silhouettes
from hexplane.rendering.select import select_backend
from hexplane.settings.silhouettes import SilhouettesSettings
from hexplane.store import read_hexplane, read_transform

SUFFIX = ".obj"


def run(
    source: Path,
    output: Path,
    settings: SilhouettesSettings = SilhouettesSettings(),
    code: str | None = None,
    *,
    canonical: bool = False,
    force: bool = False,
) -> None:
    """Write the silhouettes of six views as closed polylines in the source's own coordinates.

    Each view gives its outlines, those of holes too, each in a group of the view's name.

    Args:
        source: a hexplane's store, or a mesh file, which is normalised and rendered first.
        output: the polylines, .obj, beside which a manifest is written.
        settings: how a mesh file is normalised and rendered; not read for a hexplane.
        code: code digest that the workflow planned with.
        canonical: stay in the canonical cube, also where the source's coordinates are known.
        force: replace files that hexplane did not write, too.

    Raises:
        UserError: the source cannot be read, or the output is no .obj.
    """
    if output.suffix.lower() != SUFFIX:
        raise UserError(f"{output}: no OBJ file (allowed: {SUFFIX})")
    claim(manifest_path(output), [output], force)
    job = Job(__name__, settings, code)
    if source.suffix == ".zarr":
        views, transform = read_hexplane(source), read_transform(source)
        inputs = {"hexplane": content_digest(source)}
    else:
        solid, transform = canonical_solid(load_mesh(source), settings.up, settings.close)
        views = select_backend(settings.backend).render(solid.mesh, settings.resolution)
        inputs = {"mesh": sha256(source)}
    stays = canonical or transform is None
    place = np.eye(4) if stays or transform is None else np.linalg.inv(transform)
    found = silhouettes(views)
    write_text(output, _obj(found, place))
    job.write_manifest(
        manifest_path(output), [output], inputs=inputs, canonical=stays, polylines=len(found)
    )


def _obj(found: list[Silhouette], place: frame.Array) -> str:
    """Polylines as OBJ; each ends with its first point."""
    lines = []
    first = 1
    for number, own in enumerate(found):
        points = frame.apply_transform(place, own.points)
        lines.append(f"g {frame.VIEW_NAMES[own.view]}-{number}")
        lines += [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in points.tolist()]
        numbers = [*range(first, first + len(points)), first]
        lines.append("l " + " ".join(map(str, numbers)))
        first += len(points)
    return "\n".join(lines) + "\n"
