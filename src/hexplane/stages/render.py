"""render: the hexplane of a normalised mesh."""

from pathlib import Path

from hexplane.files import sha256
from hexplane.meshes import read_normalised
from hexplane.provenance import Stage, manifest_path, recorded_transform
from hexplane.render import select_backend
from hexplane.specs.render import RenderSpec
from hexplane.store import write_hexplane


def run(mesh: Path, output: Path, spec: RenderSpec, code: str | None = None) -> None:
    """Write the six views of a mesh that lies in the canonical cube, and their manifest."""
    stage = Stage(__name__, spec.model_dump(mode="json"), code)
    renderer = select_backend(spec.backend)
    hexplane = renderer.render(read_normalised(mesh), spec.resolution)
    write_hexplane(output, hexplane, recorded_transform(mesh))
    stage.write_manifest(
        manifest_path(output), [output], inputs={"mesh": sha256(mesh)}, backend=renderer.name
    )
