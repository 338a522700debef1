"""diagnose: what a trained codec's latent holds, and what it decodes with and without it."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import trimesh
from torch import Tensor

from hexplane.decoding import decode
from hexplane.extraction import Extraction, is_empty
from hexplane.geometry.meshes import read_normalised
from hexplane.metrics.comparison import compare
from hexplane.metrics.nearest import nearest
from hexplane.model import diagnostics
from hexplane.model.codec import Codec
from hexplane.model.images import Images, composed, plain
from hexplane.model.saved import chosen_modules, load_model
from hexplane.plumbing.claims import claim
from hexplane.plumbing.files import sha256
from hexplane.plumbing.manifests import Job, content_digest
from hexplane.plumbing.paths import DEFAULT
from hexplane.settings.diagnose import DiagnoseSettings
from hexplane.settings.train import TrainSettings
from hexplane.training.data import Heads, load_heads, make_images, read_hexplanes
from hexplane.training.objective import Objective, weighted_terms

NO_VARIANCE = 1e-9
"""Share of the largest eigenvalue below which one is rounding."""
DRAWS = 8
"""Latents drawn for each head where an estimate needs some."""
PRIOR_DRAWS = 16
"""Latents drawn from the prior."""


def run(
    model: Path,
    output: Path,
    settings: DiagnoseSettings,
    code: str | None = None,
    *,
    hexplanes: Path = Path(DEFAULT.hexplanes),
    sdf: Path = Path(DEFAULT.distances),
    meshes: Path = Path(DEFAULT.meshes),
    force: bool = False,
) -> None:
    """Say what a codec's latent holds, and what it decodes with and without it.

    Writes diagnostics on training heads and on held-out ones, as a manifest.

    Args:
        model: folder of the trained model.
        output: the diagnostics, JSON.
        settings: on which heads, and how meshes are taken and measured.
        code: code digest that the workflow planned with.
        hexplanes: folder of the rendered hexplanes.
        sdf: folder of the signed-distance samples, same names.
        meshes: folder of the normalised meshes, same names.
        force: replace files that hexplane did not write, too.
    """
    claim(output, [], force)
    job = Job(__name__, settings, code, chosen_modules(model))
    saved = load_model(model)
    trained = TrainSettings.model_validate(saved.training)
    features = saved.settings.features
    groups, inputs = {}, {"model": saved.weights_hash}
    solids: dict[str, list[trimesh.Trimesh]] = {}
    for group, names in settings.heads.items():
        if names:
            stores = [hexplanes / f"{name}.zarr" for name in names]
            inputs |= {f"hexplane/{store.stem}": content_digest(store) for store in stores}
            inputs |= {f"sdf/{name}": content_digest(sdf / f"{name}.zarr") for name in names}
            inputs |= {f"mesh/{name}": sha256(meshes / f"{name}.ply") for name in names}
            heads = load_heads(stores, sdf, features)
            solids[group] = [read_normalised(meshes / f"{name}.ply") for name in names]
            groups[group] = _group(saved.codec, trained, heads, solids[group], settings)
    prior = _prior(saved.codec, solids, settings)
    if prior:
        groups = {group: found | {"prior": prior} for group, found in groups.items()}
    stores = [hexplanes / f"{name}.zarr" for name in settings.inputs or settings.heads["train"]]
    inputs |= {f"hexplane/{store.stem}": content_digest(store) for store in stores}
    images = make_images(read_hexplanes(stores), features)
    spectrum = diagnostics.input_spectrum(plain(images).flatten(1))
    job.write_manifest(
        output,
        [],
        inputs=inputs,
        training_heads=len(saved.trained_on),
        inputs_spectrum=_short(spectrum.tolist()),
        **_predicted(saved.codec, trained.training.steps, spectrum, groups["train"]["terms"]),
        groups=groups,
    )


def _predicted(
    codec: Codec, steps: int, spectrum: Tensor, terms: dict[str, float]
) -> dict[str, Any]:
    """The run's beta, and what a linear VAE of that beta and noise would spend on its inputs.

    `spectrum` [H] is that of what the decoder should give, over the training heads. Only Gaussian
    likelihoods have such a prediction. `noise` is beta sigma^2: a linear VAE gives up directions
    with a smaller eigenvalue.
    """
    beta, variance = codec.effective_beta(steps), codec.noise_variance(terms)
    active = kl = noise = None
    if beta is not None and variance is not None:
        noise = beta * variance
        # Without a charge, every direction is free: no finite rate is predicted.
        none = NO_VARIANCE * float(spectrum[0])
        rates = diagnostics.predicted_rates(spectrum, noise or none)
        active = int((rates > 0).sum())
        kl = float(rates.sum()) if beta else None
    return {
        "effective_beta": beta,
        "noise": noise,
        "predicted_active": active,
        "predicted_kl": kl,
    }


def _group(
    codec: Codec,
    trained: TrainSettings,
    heads: Heads,
    originals: list[trimesh.Trimesh],
    settings: DiagnoseSettings,
) -> dict[str, Any]:
    with torch.no_grad():
        latents = torch.cat([codec.encode(head[None]) for head in heads.views])
        statistics = [codec.statistics(head[None]) for head in heads.views]
        rates = codec.bottleneck.diagnostics(statistics, draws=DRAWS)
    found: dict[str, Any] = {"heads": len(heads), **_objective(codec, trained, heads)}
    found |= {name: _short(own) if isinstance(own, list) else own for name, own in rates.items()}
    found["mean"] = _decoded(codec, latents, heads, originals, settings)
    if len(heads) > 1:
        found["shuffled"] = _decoded(codec, latents.roll(1, 0), heads, originals, settings)
    return found


def _prior(
    codec: Codec, solids: dict[str, list[trimesh.Trimesh]], settings: DiagnoseSettings
) -> dict[str, Any]:
    """What latents drawn from the prior decode to; nothing where there is no prior.

    `nearest_ratio` is how far a drawn mesh is from the nearest training head, by how far a
    held-out head is.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    drawn = codec.bottleneck.draw(torch.Size([PRIOR_DRAWS, *codec.latent_shape]), generator)
    if drawn is None:
        return {}
    made = [decode(codec, latent, settings).extraction for latent in drawn]
    whole = [extraction.mesh for extraction in made if not is_empty(extraction.mesh)]
    ratio = None
    if whole and solids.get("held_out"):
        measured = solids["train"], settings.samples, settings.seed
        ratio = float(np.mean(nearest(whole, *measured)))
        ratio /= float(np.mean(nearest(solids["held_out"], *measured)))
    return _shapes(made) | {"nearest_ratio": ratio}


def _shapes(made: list[Extraction]) -> dict[str, Any]:
    """Shares of meshes that are empty, closed, and closed and of one piece; their fields' range."""
    facts = [extraction.facts for extraction in made]
    closed = [not own["empty"] and made[i].mesh.is_watertight for i, own in enumerate(facts)]
    whole = [shut and made[i].mesh.body_count == 1 for i, shut in enumerate(closed)]
    return {
        "empty": float(np.mean([own["empty"] for own in facts])),
        "closed": float(np.mean(closed)),
        "whole": float(np.mean(whole)),
        "field_min": min(own["field_min"] for own in facts),
        "field_max": max(own["field_max"] for own in facts),
    }


def _objective(codec: Codec, trained: TrainSettings, heads: Heads) -> dict[str, Any]:
    """Loss terms from the most central latents, and the gradient norm of each, weighted."""
    # Evenly through the stored samples: those near the surface lie before those in the cube.
    stored, training = heads.points.shape[1], trained.training
    samples = torch.linspace(0, stored - 1, min(training.sdf_points, stored)).long()
    terms = Objective(codec, training)(heads.batch(torch.arange(len(heads)), samples))
    weighted = weighted_terms(terms, codec.bottleneck, training, training.steps)
    # As in training, and no longer: scipy's trees do not end where small differences are 0.
    torch.set_flush_denormal(True)
    norms = diagnostics.gradient_norms(weighted, codec.parameters())
    torch.set_flush_denormal(False)
    return {
        "terms": {name: float(term.detach()) for name, term in terms.items()},
        "gradient_norms": norms,
    }


def _decoded(
    codec: Codec,
    latents: Tensor,
    heads: Heads,
    originals: list[trimesh.Trimesh],
    settings: DiagnoseSettings,
) -> dict[str, Any]:
    """What the latents of some heads decode to, and how near that is to them.

    `distortion` is the mean squared error over the plain channels, whatever the likelihood;
    `coverage_explained` is 1 minus the squared error of coverage over that of the heads' mean.
    """
    made: list[Extraction] = []
    squared: list[float] = []
    covered: list[float] = []
    scores: list[dict[str, Any]] = []
    truth = plain(heads.images)
    for i, latent in enumerate(latents):
        images, extraction = decode(codec, latent, settings)
        made.append(extraction)
        if images:
            decoded = {name: torch.from_numpy(image)[None] for name, image in images.items()}
            views = Images(decoded["coverage"], decoded.get("depth"), decoded.get("normal"))
            shown = plain(composed(views))[0]
            squared.append(float((shown - truth[i]).square().mean()))
            missed = decoded["coverage"][0] - heads.images.coverage[i]
            covered.append(float(missed.square().sum()))
        measured = settings.samples, settings.thresholds, settings.seed
        scores.append(compare(extraction.mesh, originals[i], *measured))
    spread = heads.images.coverage - heads.images.coverage.mean(dim=0)
    total = float(spread.square().sum())
    return _shapes(made) | {
        "distortion": float(np.mean(squared)) if squared else None,
        "coverage_explained": 1 - sum(covered) / total if covered and total else None,
        "scores": scores,
    }


def _short(values: list[float]) -> list[float]:
    """Numbers to five digits: a file that a person may open."""
    return [float(f"{value:.5g}") for value in values]
