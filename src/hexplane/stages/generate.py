"""generate: a seeded head, in metres, +y up and +z front."""

from pathlib import Path

from hexplane.geometry.heads import body_model, generate_head
from hexplane.geometry.variation import varied
from hexplane.geometry.writing import write_mesh
from hexplane.plumbing.claims import claim
from hexplane.plumbing.manifests import Job, manifest_path
from hexplane.settings.generate import GenerateSettings

SERVED = True


def prepare() -> None:
    """Read the parametric body, which all heads share."""
    body_model()


def run(
    output: Path,
    settings: GenerateSettings = GenerateSettings(),
    code: str | None = None,
    *,
    force: bool = False,
) -> None:
    """Make a seeded head.

    Args:
        output: the head's mesh file, beside which a manifest is written.
        settings: which head.
        code: code digest that the workflow planned with.
        force: replace files that hexplane did not write, too.
    """
    claim(manifest_path(output), [output], force)
    prepare()  # not this head's time
    job = Job(__name__, settings, code)
    head = generate_head(settings.seed)
    if settings.vary:
        head = varied(head, settings.seed, settings.vary)
    write_mesh(head, output)
    job.write_manifest(manifest_path(output), [output])
