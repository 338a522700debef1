"""draco: how near a simplified mesh in Draco's code comes to a head, file size by file size."""

from pathlib import Path

from hexplane.geometry.meshes import read_normalised
from hexplane.geometry.simplified import buffers, decoded
from hexplane.geometry.writing import write_mesh
from hexplane.metrics.rates import Coded, compare_surfaces, over_budgets
from hexplane.plumbing.claims import claim
from hexplane.plumbing.files import sha256
from hexplane.plumbing.manifests import Job
from hexplane.settings.rates import MeasuredSettings, shown

SERVED = True
SEARCHED = 5000
"""Samples a side by which the best of several files is chosen."""


def run(
    mesh: Path,
    output: Path,
    settings: MeasuredSettings = MeasuredSettings(),
    code: str | None = None,
    *,
    force: bool = False,
) -> None:
    """Measure a simplified mesh in Draco's code at several file sizes.

    At each size it is the best by Chamfer distance over face counts and bits. A size that none
    meets has no point, nor has one at which a smaller file is as good. Meshes at the sizes that a
    report shows lie beside the points. Seconds are those of the file that was chosen; those of
    the search are not counted.

    Args:
        mesh: the head's normalised mesh.
        output: the points, JSON, in a manifest of their own.
        settings: the sizes, and how meshes are measured.
        code: code digest that the workflow planned with.
        force: replace files that hexplane did not write, too.
    """
    kept = {own: output.with_suffix(f".{own}.ply") for own in shown(settings.budgets)}
    claim(output, kept.values(), force)
    job = Job(__name__, settings, code)
    target = read_normalised(mesh)
    made = buffers(target)
    few = min(settings.samples, SEARCHED)
    errors: dict[bytes, float] = {}

    def error(data: bytes) -> float:
        if data not in errors:
            compared = compare_surfaces(
                decoded(data), target, few, settings.thresholds, settings.seed
            )
            errors[data] = float("inf") if compared["empty"] else compared["chamfer_l1"]
        return errors[data]

    def coded(budget: int) -> Coded | None:
        # Of equal bits, the file with the most faces; those of smaller budgets were looked at.
        fitting = [own for own in made if len(own.data) <= budget]
        largest = {own.bits: own for own in reversed(fitting)}.values()
        looked = [own for own in fitting if own.data in errors]
        if not fitting:
            return None
        best = min((*looked, *largest), key=lambda own: error(own.data))
        return Coded(best.data, best.seconds)

    points, meshes = over_budgets(
        settings.budgets,
        coded,
        decoded,
        lambda found: compare_surfaces(
            found, target, settings.samples, settings.thresholds, settings.seed
        ),
    )
    for budget, path in kept.items():
        write_mesh(meshes[budget], path)
    inputs = {"mesh": sha256(mesh)}
    job.write_manifest(output, list(kept.values()), inputs=inputs, points=points)
