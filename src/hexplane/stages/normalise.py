"""normalise: a source mesh, welded and moved into the canonical cube."""

import sys
from pathlib import Path

from hexplane.geometry.kept import drop, load_kept
from hexplane.geometry.pose import upright_hint
from hexplane.geometry.solid import canonical_solid
from hexplane.geometry.writing import write_mesh
from hexplane.plumbing.claims import claim
from hexplane.plumbing.manifests import Job, manifest_path
from hexplane.settings.normalise import NormaliseSettings

SERVED = True


def run(
    source: Path,
    output: Path,
    settings: NormaliseSettings = NormaliseSettings(),
    code: str | None = None,
    *,
    kept: Path | None = None,
    force: bool = False,
) -> None:
    """Move a mesh into the canonical cube.

    Args:
        source: a mesh file.
        output: the normalised mesh, beside which a manifest with its transform is written.
        settings: how the source stands.
        code: code digest that the workflow planned with.
        kept: folder in which `check` left the meshes that it read.
        force: replace files that hexplane did not write, too.
    """
    job = Job(__name__, settings, code)
    claim(manifest_path(output), [output], force)
    read, content = load_kept(source, kept)
    solid, transform = canonical_solid(read, settings.up, settings.close)
    mesh = solid.mesh
    hint = upright_hint(solid, transform, settings.up)
    if hint:
        print(f"hint: {source}: {hint}", file=sys.stderr)
    write_mesh(mesh, output)
    job.write_manifest(
        manifest_path(output),
        [output],
        inputs={"source": content},
        source=source.name,
        source_to_canonical=transform.tolist(),
        vertices=len(mesh.vertices),
        faces=len(mesh.faces),
        hint=hint or None,
        **solid.facts,
    )
    drop(source, kept)
