"""parameters: how near a generated head's own numbers bring it back, file size by file size."""

import time
from pathlib import Path

import trimesh

from hexplane.geometry import frame
from hexplane.geometry.heads import body_model, draw, head_of
from hexplane.geometry.meshes import read_normalised
from hexplane.geometry.writing import write_mesh
from hexplane.metrics.rates import Coded, compare_surfaces, over_budgets
from hexplane.model.parameters import FINEST, pack, unpack
from hexplane.plumbing.claims import claim
from hexplane.plumbing.files import sha256
from hexplane.plumbing.manifests import Job
from hexplane.settings.rates import ParametersSettings, shown

SERVED = True


def prepare() -> None:
    """Read the parametric body, which all heads share."""
    body_model()


def run(
    mesh: Path,
    output: Path,
    settings: ParametersSettings = ParametersSettings(),
    code: str | None = None,
    *,
    force: bool = False,
) -> None:
    """Measure what a generated head's own numbers, rounded and coded, make of it.

    At each size they are kept to the finest steps that fit. Their reader is the generator. Meshes
    at the sizes that a report shows lie beside the points.

    Args:
        mesh: the head's normalised mesh.
        output: the points, JSON, in a manifest of their own.
        settings: which head it is, the sizes, and how meshes are measured.
        code: code digest that the workflow planned with.
        force: replace files that hexplane did not write, too.
    """
    kept = {own: output.with_suffix(f".{own}.ply") for own in shown(settings.budgets)}
    claim(output, kept.values(), force)
    prepare()  # not this head's time
    job = Job(__name__, settings, code)
    target = read_normalised(mesh)
    numbers = draw(settings.head)

    def coded(budget: int) -> Coded | None:
        for octave in range(FINEST, -1, -1):
            started = time.perf_counter()
            data = pack(numbers, octave)
            if len(data) <= budget:
                return Coded(data, time.perf_counter() - started)
        return None

    def decoded(data: bytes) -> trimesh.Trimesh:
        made = head_of(unpack(data))
        # The numbers also say where on its body the head was, which is not asked for here.
        return made.apply_transform(frame.canonical_transform(made.vertices, "y"))

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
    model = body_model()
    size = sum(own.numel() * own.element_size() for own in (*model.buffers(), *model.parameters()))
    job.write_manifest(
        output,
        list(kept.values()),
        inputs={"mesh": sha256(mesh)},
        decoder_bytes=size,
        points=points,
    )
