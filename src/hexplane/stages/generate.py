"""generate: a seeded head, in metres, +y up and +z front."""

from pathlib import Path

from hexplane.heads import generate_head
from hexplane.meshes import write_mesh
from hexplane.provenance import Stage, manifest_path
from hexplane.specs.generate import GenerateSpec


def run(output: Path, spec: GenerateSpec, code: str | None = None) -> None:
    """Write the head that a seed stands for, and its manifest."""
    stage = Stage(__name__, spec.model_dump(mode="json"), code)
    write_mesh(generate_head(spec.seed), output)
    stage.write_manifest(manifest_path(output), [output])
