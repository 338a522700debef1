"""solid: an analytic solid, +y up and +z front."""

from pathlib import Path

from hexplane.geometry.analytic import analytic
from hexplane.geometry.writing import write_mesh
from hexplane.plumbing.claims import claim
from hexplane.plumbing.manifests import Job, manifest_path
from hexplane.settings.solid import SolidSettings

SERVED = True


def run(
    output: Path,
    settings: SolidSettings = SolidSettings(),
    code: str | None = None,
    *,
    force: bool = False,
) -> None:
    """Make a solid whose shape is known exactly.

    Args:
        output: the solid's mesh file, beside which a manifest is written.
        settings: which solid.
        code: code digest that the workflow planned with.
        force: replace files that hexplane did not write, too.
    """
    claim(manifest_path(output), [output], force)
    job = Job(__name__, settings, code)
    write_mesh(analytic(settings.solid), output)
    job.write_manifest(manifest_path(output), [output])
