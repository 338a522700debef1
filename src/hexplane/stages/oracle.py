"""oracle: the mesh that a codec would give if it decoded perfectly."""

from pathlib import Path

import numpy as np

from hexplane.extraction import Extraction, extract, from_views, signed
from hexplane.geometry.distance import signed_distance_grid
from hexplane.geometry.hexplane import Hexplane
from hexplane.geometry.meshes import read_normalised
from hexplane.geometry.modality import DEPTH, NORMAL
from hexplane.geometry.writing import write_mesh
from hexplane.plumbing.claims import claim
from hexplane.plumbing.files import sha256
from hexplane.plumbing.manifests import Job, content_digest, manifest_path
from hexplane.settings.extract import OracleSettings
from hexplane.store import read_hexplane

SERVED = True


def run(
    hexplane: Path,
    mesh: Path,
    output: Path,
    settings: OracleSettings = OracleSettings(),
    code: str | None = None,
    *,
    force: bool = False,
) -> None:
    """Extract a mesh from the ground truth: what a perfect codec would give.

    Args:
        hexplane: the rendered hexplane's store, for the field `fusion`.
        mesh: the normalised mesh, for the field `sdf`.
        output: the extracted mesh, beside which a manifest is written.
        settings: the same as those of the extraction that it judges.
        code: code digest that the workflow planned with.
        force: replace files that hexplane did not write, too.
    """
    job = Job(__name__, settings, code)
    claim(manifest_path(output), [output], force)
    if settings.field == "sdf":
        inputs = {"mesh": sha256(mesh)}
        distance = signed_distance_grid(read_normalised(mesh), settings.resolution)
        extraction = extract(signed(distance), settings)
    else:
        inputs = {"hexplane": content_digest(hexplane)}
        extraction = _from_views(read_hexplane(hexplane), settings)
    write_mesh(extraction.mesh, output)
    job.write_manifest(manifest_path(output), [output], inputs=inputs, **extraction.facts)


def _from_views(truth: Hexplane, settings: OracleSettings) -> Extraction:
    """Of what codecs of these features decode."""
    return from_views(
        truth.occupancy.astype(np.float32),
        truth.depth if settings.features in DEPTH else None,
        truth.normal if settings.features in NORMAL else None,
        settings,
    )
