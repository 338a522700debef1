"""A small fabricated run for the report: two arms, of which one gives an empty mesh."""

import json
from pathlib import Path

import numpy as np
import trimesh

from hexplane.geometry.writing import write_mesh
from hexplane.metrics import comparison as metrics
from hexplane.plumbing.files import write_json
from hexplane.plumbing.manifests import Job
from hexplane.rendering.embree import EmbreeRenderer
from hexplane.settings.interpolate import STEPS
from hexplane.settings.render import RenderSettings
from hexplane.settings.report import ReportSettings
from hexplane.store import write_decoded, write_hexplane

SPLIT = {"train": ["ada", "bea"], "validation": ["cleo"], "test": ["dora"]}
HEADS = [name for names in SPLIT.values() for name in names]
ORACLES = {"vae-binary": "oracle-occupancy", "ae-surface": "oracle-depth_normal"}
EMPTY = ("vae-binary", "dora")
RUNS = {f"{arm}{mark}": (arm, seed) for arm in ORACLES for mark, seed in (("", 3), ("@1", 4))}
GROUPS = {"train": SPLIT["train"], "held_out": SPLIT["validation"] + SPLIT["test"]}
THRESHOLDS = (0.005, 0.01, 0.02)
SPEC = ReportSettings(
    split=SPLIT,
    heads=HEADS,
    interpolated=["dora", "cleo"],
    runs=RUNS,
    oracles=ORACLES,
    config={
        "seed": 3,
        "hypotheses": {
            "H-binary": {
                "claim": "Binary input <fails>.",
                "holds_if": [
                    {"arms": ["vae-*"], "measure": "failed", "at_least": 1},
                    {"arms": ["ae-surface"], "measure": "failed", "at_most": 0},
                ],
            },
            "H-rate": {
                "claim": "Both arms have a rate.",
                "holds_if": [{"arms": ["*"], "measure": "kl", "split": "train", "at_least": 35}],
            },
            "H-same": {
                "claim": "Both arms decode alike.",
                "holds_if": [{"pairs": [["vae-binary", "ae-surface"]], "measure": "failed"}],
            },
        },
        "extraction": {"level": 0.5},
        "arms": {
            "vae-binary": {
                "features": "occupancy",
                "bottleneck": {"kind": "gaussian", "kl_weight": 1e-5},
            },
            "ae-surface": {"features": "depth_normal", "bottleneck": {"kind": "deterministic"}},
        },
    },
)


def _head(index: int) -> trimesh.Trimesh:
    mesh = trimesh.creation.icosphere(subdivisions=2)
    mesh.apply_scale([0.6 + 0.02 * index, 0.9, 0.7])
    return mesh


STAGES = {
    "meshes": "normalise",
    "reconstructions": "extract",
    "metrics": "evaluate",
    "models": "train",
    "diagnostics": "diagnose",
    "interpolations": "interpolate",
    "rates": "rates",
    "draws": "draw",
}


def _manifest(results: Path, path: Path, outputs: list[Path], **facts: object) -> None:
    job = Job("hexplane.stages.render", RenderSettings())
    job.name = STAGES[path.relative_to(results).parts[0]]
    job.write_manifest(path, outputs, **facts)


def _history(path: Path, gaussian: bool) -> None:
    rows = [
        "step,seconds,learning_rate,kl_weight,loss,coverage,kl,gradient_norm,"
        "validation_loss,validation_coverage"
    ]
    for step in range(0, 1001, 50):
        loss = 0.02 + np.exp(-step / 150)
        kl = f"1e-5,{loss},{loss},{40 + step**2}" if gaussian else f",{loss},{loss},"
        watched = f"{1.2 * loss},{1.3 * loss}" if step % 200 == 0 else ","
        rows.append(f"{step},{step / 10},0.002,{kl},{1 / (1 + step)},{watched}")
    path.write_text("\n".join(rows) + "\n")


def fabricate(results: Path, resolution: int = 32) -> None:
    """A run of four ellipsoids: decoded views are the input plus noise."""
    rng = np.random.default_rng(0)
    renderer = EmbreeRenderer()
    for index, mesh in enumerate(HEADS):
        original = _head(index)
        path = results / "meshes" / f"{mesh}.ply"
        write_mesh(original, path)
        _manifest(results, path.with_suffix(".json"), [path])
        truth = renderer.render(original, resolution)
        write_hexplane(results / "hexplanes" / f"{mesh}.zarr", truth)
        for name in (*ORACLES, *ORACLES.values()):
            noise = 0.01 if name in ORACLES else 0.001
            found = original.copy()
            found.vertices += rng.normal(scale=noise, size=found.vertices.shape)
            if (name, mesh) == EMPTY:
                found = trimesh.Trimesh()
            path = results / "reconstructions" / name / f"{mesh}.ply"
            write_mesh(found, path)
            empty = len(found.faces) == 0
            field = (0.012, 0.31) if empty else (0.0, 1.0)
            facts = {"empty": empty, "field_min": field[0], "field_max": field[1], "level": 0.5}
            _manifest(results, path.with_suffix(".json"), [path], **facts)
            scores = metrics.compare(found, original, 200, THRESHOLDS, seed=0)
            if name in ORACLES:
                scores |= {"latent_bytes_raw": 24_576, "latent_bytes_stored": 20_000 + index}
                scores |= {"latent_bytes_packed": 900 + index}
                noisy = truth.occupancy + rng.normal(scale=0.1, size=truth.depth.shape)
                decoded = {"coverage": noisy.clip(0, 1).astype(np.float32)}
                if name == "ae-surface":
                    off = rng.normal(scale=0.2, size=truth.normal.shape).astype(np.float32)
                    depth = truth.depth + 0.02 * off[:, 0]
                    decoded |= {"depth": depth, "normal": truth.normal + off}
                write_decoded(path.with_suffix(".zarr"), decoded)
            _manifest(results, results / "metrics" / name / f"{mesh}.json", [], metrics=scores)
    for name in ORACLES:
        folder = results / "models" / name
        folder.mkdir(parents=True)
        _history(folder / "history.csv", gaussian=name.startswith("vae"))
        write_json(folder / "config.json", {"parameters": 123_456, "steps": 1000, "seconds": 75.5})
        _manifest(results, folder / "manifest.json", [folder / "history.csv"])
        _interpolate(results, name)
    for run, (name, seed) in RUNS.items():
        _diagnose(results, run, name, seed)
    for name, seconds in (("ada", 1.5), ("bea", 2.25), ("gone", 99)):
        path = results / "benchmarks" / "clients" / "normalise" / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:01\tNA\n")


def _interpolate(results: Path, name: str) -> None:
    """Ellipsoids from the first shape to the last; the binary arm has none in the middle."""
    folder = results / "interpolations" / name
    paths, steps = [], []
    for step, share in enumerate(np.linspace(0, 1, STEPS)):
        empty = name.startswith("vae") and step == STEPS // 2
        mesh = trimesh.Trimesh() if empty else _head(10 * step)
        paths.append(folder / f"{step}.ply")
        write_mesh(mesh, paths[-1])
        ends = {"field_min": 0.0, "field_max": 0.25 if empty else 1.0, "level": 0.5}
        steps.append({"share": share, "empty": empty, **ends})
    _manifest(results, folder / "manifest.json", paths, steps=steps)


def _diagnose(results: Path, run: str, name: str, seed: int) -> None:
    """Diagnostics that repeat the metrics; the Gaussian latent's KL is ten times its seed."""
    groups = {}
    for key, heads in GROUPS.items():
        scores = [metrics_of(results, name, head) for head in heads]
        shown = {"field_min": 0.0, "field_max": 1.0, "distortion": 0.01 * seed}
        shown |= {"empty": sum(bool(score["empty"]) for score in scores) / 2}
        groups[key] = {
            "heads": 2,
            "terms": {"reconstruction": 0.1},
            "gradient_norms": {"reconstruction": 0.2},
            "mean": shown | {"coverage_explained": 0.5, "scores": scores},
            "shuffled": shown | {"coverage_explained": 0.1, "scores": scores},
        }
        if name.startswith("vae"):
            groups[key] |= {"kl": 10.0 * seed, "kl_quantiles": [0.1, 0.2], "dimensions": 6144}
            groups[key] |= {"active_units": 5, "mutual_information": 0.6, "marginal_kl": 39.4}
            groups[key] |= {"prior": {"empty": 1.0, "field_min": 0.0, "field_max": 0.4}}
    gaussian = name.startswith("vae")
    _manifest(
        results,
        results / "diagnostics" / f"{run}.json",
        [],
        spec={"seed": 3, "thresholds": THRESHOLDS, "heads": GROUPS},
        training_heads=2,
        inputs_spectrum=[9.0, 1.0],
        effective_beta=1.5 if gaussian else None,
        noise=None,
        predicted_active=None,
        predicted_kl=None,
        groups=groups,
    )


BUDGETS = (64, 128, 512, 1024, 4096)
RATES = {"vae-binary": [(128, 100)], "ae-surface": [(64, 60), (1024, 900)]}
"""Budget and bytes of each arm's files; Draco's of a head are as many more as its place."""
GENERATED = HEADS[:-1]
RATED = dict.fromkeys([*RATES, "draco", "mean"], HEADS) | {"parameters": GENERATED}


def fabricate_rates(results: Path) -> None:
    """Points of the arms, of Draco, which fits no head but the last into 128 bytes, and a mean."""
    for place, mesh in enumerate(HEADS):
        draco = [(512, 500 + place), (4096, 4000 + place)]
        own = RATES | {"draco": ([(128, 120)] if mesh == HEADS[-1] else []) + draco}
        if mesh in GENERATED:
            own["parameters"] = [(64, 50)]
        for method, files in own.items():
            facts = {"decoder_bytes": 3_000_000} if method == "parameters" else {}
            points = [
                {
                    "budget": budget,
                    "bytes": size,
                    "encode_seconds": 0.5 + place,
                    "decode_seconds": 0.02,
                    "metrics": _distances(None if (method, mesh) == EMPTY else 1 / size),
                }
                for budget, size in files
            ]
            shown = [results / f"rates/{method}/{mesh}.{own}.ply" for own in (128, 1024, 4096)]
            for path in shown:
                budget = int(path.stem.rpartition(".")[2])
                empty = (method, mesh) == EMPTY or budget < files[0][0]
                write_mesh(trimesh.Trimesh() if empty else _head(place), path)
            _manifest(
                results, results / f"rates/{method}/{mesh}.json", shown, points=points, **facts
            )
        path = results / f"rates/mean/{mesh}.json"
        _manifest(results, path, [], metrics=_distances(0.02 * (place + 1)))
    write_mesh(_head(0), results / "rates/mean.ply")
    _manifest(results, results / "rates/mean.json", [results / "rates/mean.ply"])
    for name in ORACLES:
        (results / "models" / name / "model.safetensors").write_bytes(bytes(1234))


DRAWS = 3
DRAWN = "ae-surface"
BESIDE = {"held_out": 0.6, "decoded": 0.55, "train": 0.7, "real": 0.5}
"""1-NNA of draws beside each of these."""


def fabricate_draws(results: Path) -> None:
    """Draws of one arm, of which the middle one is empty; the last is nearest to a mirror image."""
    folder = results / "draws" / DRAWN
    paths = [folder / f"{number:03d}.ply" for number in range(DRAWS)]
    for number, path in enumerate(paths):
        write_mesh(trimesh.Trimesh() if number == 1 else _head(number), path)
    spec = {"count": DRAWS, "temperature": 0.8}
    _manifest(results, folder / "manifest.json", paths, prior="a Gaussian", spec=spec)
    shape = {"empty": 1 / 3, "closed": 2 / 3, "whole": 2 / 3, "ball": 1 / 3}
    spread = {"accuracy_least": 0.5, "accuracy_most": 0.75, "coverage_least": 0.25}
    spread |= {"coverage": 0.5, "coverage_most": 0.75, "size": 2, "sets": 1}
    _manifest(
        results,
        folder / "novelty.json",
        [],
        shapes={"draws": shape, "decoded": shape | {"empty": 0.0, "whole": 1.0}, "held_out": None},
        nearest={"draws": [0.03, 0.02], "decoded": [0.02, 0.02], "held_out": []},
        nearest_heads=[["ada", False], None, ["bea", True]],
        samples={key: spread | {"accuracy": own} for key, own in BESIDE.items()} | {"train": None},
    )


def _distances(chamfer: float | None) -> dict[str, float | bool | None]:
    score = 0.0 if chamfer is None else 1 - chamfer
    scores = {f"f_score_{threshold:g}": score for threshold in THRESHOLDS}
    return {"empty": chamfer is None, "chamfer_l1": chamfer, **scores}


def page_of(results: Path) -> Path:
    return results / "report" / "index.html"


def elsewhere(folder: Path) -> tuple[Path, Path, Path]:
    return folder / "index.html", folder / "summary.csv", folder / "runs.csv"


def summary_of(results: Path) -> Path:
    return results / "metrics" / "summary.csv"


def runs_of(results: Path) -> Path:
    return results / "metrics" / "runs.csv"


def metrics_of(results: Path, name: str, mesh: str) -> dict[str, float | None]:
    path = results / "metrics" / name / f"{mesh}.json"
    found: dict[str, float | None] = json.loads(path.read_text())["metrics"]
    return found
