"""evaluate: how near a reconstruction is to its mesh."""

from pathlib import Path
from typing import Any

from hexplane.geometry.meshes import read_canonical, read_normalised
from hexplane.metrics.comparison import compare
from hexplane.metrics.table import LATENT_METRICS
from hexplane.plumbing.claims import claim
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import sha256
from hexplane.plumbing.manifests import Job, recorded
from hexplane.settings.evaluate import EvaluateSettings
from hexplane.store import latent_bytes

SERVED = True


def run(
    reconstruction: Path,
    mesh: Path,
    output: Path,
    settings: EvaluateSettings = EvaluateSettings(),
    code: str | None = None,
    *,
    latent: Path | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Measure a reconstruction against its mesh, both canonical.

    Args:
        reconstruction: the mesh to judge.
        mesh: the normalised mesh.
        output: the metrics as JSON, in a manifest of their own.
        settings: what the measurement reads.
        code: code digest that the workflow planned with.
        latent: the latent that the reconstruction came from; its size joins the metrics.
        force: replace files that hexplane did not write, too.

    Returns:
        The metrics.
    """
    job = Job(__name__, settings, code)
    claim(output, [], force)
    judged = read_canonical(reconstruction)
    if recorded(reconstruction, "canonical") is False:
        raise UserError(
            f"{reconstruction}: in its source's coordinates (extract --canonical leaves it in the "
            "cube)"
        )
    metrics = compare(
        judged,
        read_normalised(mesh),
        settings.samples,
        settings.thresholds,
        settings.seed,
        recorded(mesh, "source_faces"),
    )
    if latent is not None:
        size = latent_bytes(latent)
        metrics |= {metric.name: metric.value(size) for metric in LATENT_METRICS}
    inputs = {"reconstruction": sha256(reconstruction), "mesh": sha256(mesh)}
    job.write_manifest(output, [], inputs=inputs, metrics=metrics)
    return metrics
