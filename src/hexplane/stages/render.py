"""render: the hexplane of a normalised mesh."""

from pathlib import Path

from hexplane.geometry import frame
from hexplane.geometry.meshes import read_normalised
from hexplane.plumbing.claims import claim
from hexplane.plumbing.files import sha256
from hexplane.plumbing.manifests import Job, manifest_path, recorded
from hexplane.rendering.seen import seen_share
from hexplane.rendering.select import select_backend
from hexplane.settings.render import RenderSettings
from hexplane.store import write_hexplane

SERVED = True


def run(
    mesh: Path,
    output: Path,
    settings: RenderSettings = RenderSettings(),
    code: str | None = None,
    *,
    force: bool = False,
) -> None:
    """Render the six views of a normalised mesh to a Zarr store.

    Args:
        mesh: the normalised mesh.
        output: the store, beside which a manifest is written.
        settings: resolution and backend.
        code: code digest that the workflow planned with.
        force: replace files that hexplane did not write, too.
    """
    job = Job(__name__, settings, code)
    claim(manifest_path(output), [output], force)
    known = frame.checked_transform(recorded(mesh, "source_to_canonical"), manifest_path(mesh))
    transform = None if known is None else known.tolist()
    renderer = select_backend(settings.backend)
    solid = read_normalised(mesh)
    hexplane = renderer.render(solid, settings.resolution)
    write_hexplane(output, hexplane, transform)
    job.write_manifest(
        manifest_path(output),
        [output],
        inputs={"mesh": sha256(mesh)},
        backend=renderer.name,
        seen_share=round(seen_share(solid, hexplane), 4),
    )
