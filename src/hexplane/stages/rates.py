"""rates: how near an arm comes to a head in latent files of several sizes."""

import time
from pathlib import Path

import trimesh

from hexplane.decoding import decode, read_latent_file
from hexplane.encoding import encode, file_of, file_within, solve
from hexplane.geometry.meshes import read_normalised
from hexplane.geometry.writing import write_mesh
from hexplane.metrics.rates import Coded, compare_surfaces, over_budgets
from hexplane.model.saved import chosen_modules, load_model
from hexplane.plumbing.claims import claim
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import sha256
from hexplane.plumbing.manifests import Job, content_digest
from hexplane.settings.rates import RatesSettings, shown
from hexplane.store import read_hexplane, read_transform

SERVED = True


def run(
    hexplane: Path,
    mesh: Path,
    model: Path,
    output: Path,
    settings: RatesSettings = RatesSettings(),
    code: str | None = None,
    *,
    force: bool = False,
) -> None:
    """Measure what a codec makes of a head in latent files of several sizes.

    A size that the codec cannot meet has no point, nor has one whose file is that of a smaller
    size: a codec with one rate has one point. Meshes at the sizes that a report shows lie beside
    the points, without faces where no file is as small.

    Args:
        hexplane: the head's rendered hexplane.
        mesh: its normalised mesh.
        model: folder of the trained model.
        output: the points, JSON, in a manifest of their own.
        settings: the sizes, and how meshes are taken and measured.
        code: code digest that the workflow planned with.
        force: replace files that hexplane did not write, too.

    Raises:
        UserError: the model was trained at another resolution.
    """
    kept = {own: output.with_suffix(f".{own}.ply") for own in shown(settings.budgets)}
    claim(output, kept.values(), force)
    job = Job(__name__, settings, code, chosen_modules(model))
    saved, views, place = load_model(model), read_hexplane(hexplane), read_transform(hexplane)
    target = read_normalised(mesh)
    encode(saved, views)  # the first time takes longer, and says whether the views fit
    started = time.perf_counter()
    largest = file_of(saved, encode(saved, views), place)
    whole = Coded(largest, time.perf_counter() - started)
    started = time.perf_counter()
    solved = solve(saved, views)  # once for all sizes, but a part of each one's seconds
    solving = time.perf_counter() - started

    def coded(budget: int) -> Coded | None:
        if len(whole.data) <= budget:
            return whole
        started = time.perf_counter()
        try:
            data = file_within(saved, solved, place, budget)
        except UserError:  # no latent is as small
            return None
        return Coded(data, solving + time.perf_counter() - started)

    def decoded(data: bytes) -> trimesh.Trimesh:
        latent, _ = read_latent_file(data, saved, str(output))
        return decode(saved.codec, latent, settings).extraction.mesh

    decoded(largest)  # the first time takes longer
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
    inputs = {"model": saved.weights_hash, "mesh": sha256(mesh)}
    inputs["hexplane"] = content_digest(hexplane)
    job.write_manifest(output, list(kept.values()), inputs=inputs, points=points)
