"""oracle: the mesh that a network would give if it decoded perfectly."""

from pathlib import Path

import numpy as np

from hexplane import frame, fusion
from hexplane.distance import signed_distance
from hexplane.files import sha256
from hexplane.isosurface import drop_islands, marching_cubes
from hexplane.meshes import read_normalised, write_mesh
from hexplane.provenance import Stage, content_digest, manifest_path
from hexplane.specs.extract import OracleSpec
from hexplane.specs.features import DEPTH, NORMAL
from hexplane.store import read_hexplane


def run(
    hexplane: Path, mesh: Path, output: Path, spec: OracleSpec, code: str | None = None
) -> None:
    """Write the mesh extracted from the ground truth, and its manifest.

    Args:
        hexplane: the rendered hexplane's store, for the field `fusion`.
        mesh: the normalised mesh, for the field `sdf`.
        output: the extracted mesh.
        spec: settings, the same as those of the extraction that it judges.
        code: code digest that the workflow planned with.
    """
    stage = Stage(__name__, spec.model_dump(mode="json"), code)
    inputs = {"mesh": sha256(mesh)}
    level, outside = spec.level, 0.0
    if spec.field == "sdf":
        axis = frame.voxel_centres(spec.resolution)
        points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
        field = signed_distance(points, read_normalised(mesh)).reshape((spec.resolution,) * 3)
        level, outside = 0.0, 1.0
    else:
        inputs = {"hexplane": content_digest(hexplane)}
        truth = read_hexplane(hexplane)
        coverage = truth.occupancy.astype(np.float32)
        if spec.features not in DEPTH:
            field = fusion.visual_hull(coverage, spec.resolution)
        else:
            normal = truth.normal if spec.features in NORMAL else None
            field = fusion.carve(coverage, truth.depth, normal, spec.resolution)
    solid = drop_islands(marching_cubes(field, level, outside), spec.islands)
    write_mesh(solid, output)
    stage.write_manifest(
        manifest_path(output),
        [output],
        inputs=inputs,
        empty=len(solid.faces) == 0,
        field_min=float(field.min()),
        field_max=float(field.max()),
        level=level,
    )
