"""normalise: a source mesh, welded and moved into the canonical cube."""

from pathlib import Path

import trimesh

from hexplane import frame
from hexplane.files import sha256
from hexplane.meshes import load_mesh, write_mesh
from hexplane.provenance import Stage, manifest_path
from hexplane.specs.normalise import NormaliseSpec


def normalise(mesh: trimesh.Trimesh, spec: NormaliseSpec) -> tuple[trimesh.Trimesh, frame.Array]:
    """The mesh in the canonical cube, and the source-to-canonical transform [4, 4]."""
    transform = frame.canonical_transform(mesh.vertices, spec.up)
    vertices = frame.apply_transform(transform, mesh.vertices)
    return trimesh.Trimesh(vertices, mesh.faces, process=False), transform


def run(source: Path, output: Path, spec: NormaliseSpec, code: str | None = None) -> None:
    """Write the normalised mesh, and beside it a manifest with its transform and counts."""
    stage = Stage(__name__, spec.model_dump(mode="json"), code)
    mesh, transform = normalise(load_mesh(source), spec)
    write_mesh(mesh, output)
    stage.write_manifest(
        manifest_path(output),
        [output],
        inputs={"source": sha256(source)},
        source=source.name,
        source_to_canonical=transform.tolist(),
        vertices=len(mesh.vertices),
        faces=len(mesh.faces),
        components=int(mesh.body_count),
        watertight=bool(mesh.is_watertight),
    )
