"""evaluate: how near a reconstruction is to its mesh."""

from pathlib import Path
from typing import Any

from hexplane.files import sha256
from hexplane.meshes import read_normalised
from hexplane.metrics import compare
from hexplane.provenance import Stage
from hexplane.specs.evaluate import EvaluateSpec
from hexplane.store import stored_bytes


def run(
    reconstruction: Path,
    mesh: Path,
    output: Path,
    spec: EvaluateSpec,
    code: str | None = None,
    latent: Path | None = None,
) -> dict[str, Any]:
    """Measure a mesh against the one it stands for, both canonical; write the metrics as JSON.

    Args:
        reconstruction: the mesh to judge.
        mesh: the normalised mesh.
        output: the metrics, in a manifest of their own.
        spec: settings.
        code: code digest that the workflow planned with.
        latent: the latent that the reconstruction came from; its size joins the metrics.

    Returns:
        The metrics.
    """
    stage = Stage(__name__, spec.model_dump(mode="json"), code)
    metrics = compare(
        read_normalised(reconstruction),
        read_normalised(mesh),
        spec.samples,
        spec.thresholds,
        spec.seed,
    )
    if latent is not None:
        raw, stored = stored_bytes(latent, "latent")
        metrics |= {"latent_bytes_raw": raw, "latent_bytes_stored": stored}
    inputs = {"reconstruction": sha256(reconstruction), "mesh": sha256(mesh)}
    stage.write_manifest(output, [], inputs=inputs, metrics=metrics)
    return metrics
