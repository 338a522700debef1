"""diagnose: what a trained network's latent holds, and what it decodes with and without it."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
import trimesh
from torch import Tensor

from hexplane.meshes import read_normalised
from hexplane.metrics import compare
from hexplane.model import diagnostics
from hexplane.model.bottleneck import Gaussian
from hexplane.model.likelihood import Images, plain
from hexplane.model.network import HexplaneAutoencoder
from hexplane.model.saved import SavedModel, load_model
from hexplane.provenance import Stage, content_digest
from hexplane.specs.diagnose import DiagnoseSpec
from hexplane.stages.extract import decode
from hexplane.training.data import Heads, load_heads, make_images, read_hexplanes
from hexplane.training.latents import posteriors
from hexplane.training.objective import effective_beta, loss_terms, weighted_terms

NO_VARIANCE = 1e-9
"""Share of the largest eigenvalue below which one is rounding."""
QUANTILES = 101
"""Points at which the distribution of KL over dimensions is kept."""


def run(
    model: Path,
    output: Path,
    hexplanes: Path,
    sdf: Path,
    meshes: Path,
    spec: DiagnoseSpec,
    code: str | None = None,
) -> None:
    """Write a run's diagnostics on training heads and on held-out ones, as a manifest.

    Args:
        model: folder of the trained model.
        output: the diagnostics, JSON.
        hexplanes, sdf, meshes: folders of what was rendered, sampled and normalised.
        spec: settings.
        code: code digest that the workflow planned with.
    """
    stage = Stage(__name__, spec.model_dump(mode="json"), code)
    torch.set_flush_denormal(True)
    saved = load_model(model)
    trained = json.loads((model / "config.json").read_text(encoding="utf-8"))["train"]
    groups, inputs = {}, {"model": saved.weights_hash}
    for group, names in spec.heads.items():
        if names:
            stores = [hexplanes / f"{name}.zarr" for name in names]
            inputs |= {store.stem: content_digest(store) for store in stores}
            heads = load_heads(stores, sdf, saved.spec.features)
            originals = [read_normalised(meshes / f"{name}.ply") for name in names]
            groups[group] = _group(saved, heads, originals, spec)
    stores = [hexplanes / f"{name}.zarr" for name in spec.inputs or spec.heads["train"]]
    inputs |= {store.stem: content_digest(store) for store in stores}
    images = make_images(read_hexplanes(stores), saved.spec.features)
    spectrum = diagnostics.input_spectrum(plain(images).flatten(1))
    stage.write_manifest(
        output,
        [],
        inputs=inputs,
        training_heads=len(trained),
        inputs_spectrum=_short(spectrum),
        **_predicted(saved, spectrum, groups["train"]["terms"]),
        groups=groups,
    )


def _predicted(saved: SavedModel, spectrum: Tensor, terms: dict[str, float]) -> dict[str, Any]:
    """The run's beta, and what a linear VAE of that beta and noise would spend on its inputs.

    `spectrum` [H] is that of what the decoder should give, over the training heads. Only Gaussian
    likelihoods have such a prediction.
    """
    beta = effective_beta(saved.spec, saved.resolution)
    variance = None
    if saved.spec.likelihood == "mse":
        variance = 1.0
    elif saved.spec.likelihood == "learned_sigma":
        variance = math.exp(2 * terms["reconstruction"]) / (2 * math.pi * math.e)
    active = kl = None
    if beta is not None and variance is not None:
        # Without a charge, every direction is free: no finite rate is predicted.
        none = NO_VARIANCE * float(spectrum[0])
        rates = diagnostics.predicted_rates(spectrum, beta * variance or none)
        active = int((rates > 0).sum())
        kl = float(rates.sum()) if beta else None
    return {"effective_beta": beta, "predicted_active": active, "predicted_kl": kl}


def _group(
    saved: SavedModel, heads: Heads, originals: list[trimesh.Trimesh], spec: DiagnoseSpec
) -> dict[str, Any]:
    network = saved.network
    with torch.no_grad():
        latents = torch.cat([network.encode(head[None]) for head in heads.views])
    found: dict[str, Any] = {"heads": len(heads), **_objective(saved, heads)}
    if isinstance(network.bottleneck, Gaussian):
        found |= _rates(network, heads)
    found["mean"] = _decoded(network, latents, heads, originals, spec)
    if len(heads) > 1:
        found["shuffled"] = _decoded(network, latents.roll(1, 0), heads, originals, spec)
    if isinstance(network.bottleneck, Gaussian):
        drawn = torch.randn(latents.shape, generator=torch.Generator().manual_seed(spec.seed))
        found["prior"] = _decoded(network, drawn, heads, None, spec)
    return found


def _objective(saved: SavedModel, heads: Heads) -> dict[str, Any]:
    """Loss terms from the most central latents, and the gradient norm of each, weighted."""
    # Evenly through the stored samples: those near the surface lie before those in the cube.
    stored = heads.points.shape[1]
    samples = torch.linspace(0, stored - 1, min(saved.spec.training.sdf_points, stored)).long()
    batch = heads.batch(torch.arange(len(heads)), samples)
    terms = loss_terms(saved.network, saved.spec, batch)
    weighted = weighted_terms(terms, saved.spec, saved.spec.training.steps)
    norms = diagnostics.gradient_norms(weighted, saved.network.parameters())
    return {
        "terms": {name: float(term.detach()) for name, term in terms.items()},
        "gradient_norms": norms,
    }


def _rates(network: HexplaneAutoencoder, heads: Heads) -> dict[str, Any]:
    """What the latent costs and holds, in nats; with one head it can hold nothing."""
    mean, log_variance = posteriors(network, heads.views)
    dimensions = diagnostics.kl_per_dimension(mean, log_variance)
    generator = torch.Generator().manual_seed(0)
    information = diagnostics.mutual_information(mean, log_variance, generator)
    kl = float(dimensions.sum())
    quantiles = np.quantile(dimensions.numpy(), np.linspace(0, 1, QUANTILES))
    return {
        "kl": kl,
        "kl_quantiles": _short(torch.from_numpy(quantiles)),
        "dimensions": len(dimensions),
        "active_units": diagnostics.active_units(mean),
        "mutual_information": information,
        "marginal_kl": kl - information,
    }


def _decoded(
    network: HexplaneAutoencoder,
    latents: Tensor,
    heads: Heads,
    originals: list[trimesh.Trimesh] | None,
    spec: DiagnoseSpec,
) -> dict[str, Any]:
    """What some latents decode to; how near that is to the heads, where they stand for them.

    `distortion` is the mean squared error over the plain channels, whatever the likelihood;
    `coverage_explained` is 1 minus the squared error of coverage over that of the heads' mean.
    """
    empty, lowest, highest, squared, covered, scores = [], [], [], [], [], []
    truth = plain(heads.images)
    for i, latent in enumerate(latents):
        images, field, _, mesh = decode(network, latent, spec)
        empty.append(len(mesh.faces) == 0)
        lowest.append(float(field.min()))
        highest.append(float(field.max()))
        if originals is not None:
            shown = plain(_composed(images, heads.images))[0]
            squared.append(float((shown - truth[i]).square().mean()))
            coverage = torch.from_numpy(images["coverage"])
            covered.append(float((coverage - heads.images.coverage[i]).square().sum()))
            scores.append(compare(mesh, originals[i], spec.samples, spec.thresholds, spec.seed))
    found: dict[str, Any] = {
        "empty": float(np.mean(empty)),
        "field_min": min(lowest),
        "field_max": max(highest),
    }
    if originals is None:
        return found
    spread = heads.images.coverage - heads.images.coverage.mean(dim=0)
    total = float(spread.square().sum())
    return found | {
        "distortion": float(np.mean(squared)),
        "coverage_explained": 1 - sum(covered) / total if total else None,
        "scores": scores,
    }


def _composed(images: dict[str, np.ndarray], like: Images) -> Images:
    """Decoded images [1, ...] as plain views: background depth and no normal off the head."""
    coverage = torch.from_numpy(images["coverage"])[None]
    on = coverage >= 0.5
    depth = normal = None
    if like.depth is not None:
        depth = torch.where(on, torch.from_numpy(images["depth"])[None], 1.0)
    if like.normal is not None:
        normal = torch.from_numpy(images["normal"])[None] * on[:, :, None]
    return Images(coverage, depth, normal)


def _short(values: Tensor) -> list[float]:
    """Numbers to five digits: a file that a person may open."""
    return [float(f"{value:.5g}") for value in values.tolist()]
