"""generate: a seeded head, in metres, +y up and +z front."""

from pathlib import Path

from hexplane.heads import body_model, generate_head
from hexplane.meshes import write_mesh
from hexplane.provenance import Stage, manifest_path
from hexplane.specs.generate import GenerateSpec


def prepare() -> None:
    """Read the parametric body, which all heads share."""
    body_model()


def run(output: Path, spec: GenerateSpec, code: str | None = None) -> None:
    """Write the head that a seed stands for, and its manifest."""
    prepare()  # not this head's time
    stage = Stage(__name__, spec.model_dump(mode="json"), code)
    write_mesh(generate_head(spec.seed), output)
    stage.write_manifest(manifest_path(output), [output])
