"""novelty: whether drawn heads are heads, are like real ones, and are none that were learned."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import trimesh

from hexplane.decoding import decode
from hexplane.encoding import encode
from hexplane.geometry.meshes import read_mesh, read_normalised
from hexplane.metrics.novelty import Cloud, Nearest, by_chance, cloud, nearest, shares, two_samples
from hexplane.model.saved import chosen_modules, load_model
from hexplane.plumbing.claims import claim
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import sha256
from hexplane.plumbing.manifests import Job, content_digest, read_manifest
from hexplane.plumbing.paths import DEFAULT
from hexplane.settings.draw import draw_name
from hexplane.settings.novelty import NoveltySettings
from hexplane.store import read_hexplane

MOST_COMPARED = 64
"""Heads a side that draws and training heads are set beside one another as sets of: pairs are
many."""

SERVED = True


def run(
    draws: Path,
    model: Path,
    output: Path,
    settings: NoveltySettings,
    code: str | None = None,
    *,
    hexplanes: Path = Path(DEFAULT.hexplanes),
    meshes: Path = Path(DEFAULT.meshes),
    force: bool = False,
) -> None:
    """Set drawn heads beside held-out ones and beside those that a model was trained on.

    Held-out heads count twice: as they are, and as the model encodes and decodes them. Writes all
    measures as a manifest.

    Args:
        draws: folder of the drawn heads.
        model: folder of the model that drew them.
        output: the measures, JSON.
        settings: which heads they are set beside.
        code: code digest that the workflow planned with.
        hexplanes: folder of the rendered hexplanes of held-out heads.
        meshes: folder of the normalised meshes, same names.
        force: replace files that hexplane did not write, too.

    Raises:
        UserError: another model drew the heads, or a file is missing.
    """
    claim(output, [], force)
    job = Job(__name__, settings, code, chosen_modules(model))
    saved = load_model(model)
    manifest = draws / "manifest.json"
    about = read_manifest(manifest)
    if about["inputs"].get("model") != saved.weights_hash:
        raise UserError(f"{draws}: drawn by another model than {model}")
    names = {"train": settings.heads["train"], "held_out": settings.heads.get("held_out", [])}
    stores = {name: hexplanes / f"{name}.zarr" for name in names["held_out"]}
    made = {name: draws / f"{name}.ply" for name in map(draw_name, range(len(about["draws"])))}
    inputs = {"model": saved.weights_hash}
    inputs |= {f"draw/{name}": sha256(path) for name, path in made.items()}
    for own in names.values():
        inputs |= {f"mesh/{name}": sha256(meshes / f"{name}.ply") for name in own}
    inputs |= {f"hexplane/{name}": content_digest(store) for name, store in stores.items()}
    decoded = [
        decode(saved.codec, encode(saved, read_hexplane(store)), settings).extraction.mesh
        for store in stores.values()
    ]
    drawn = [read_mesh(path) for path in made.values()]
    originals = {
        kind: [read_normalised(meshes / f"{name}.ply") for name in own]
        for kind, own in names.items()
    }
    rng = np.random.default_rng(settings.seed)

    def clouds(some: Sequence[trimesh.Trimesh]) -> list[Cloud]:
        return [cloud(mesh, rng) for mesh in some if len(mesh.faces)]

    points = {"draws": clouds(drawn), "decoded": clouds(decoded)}
    points |= {kind: clouds(own) for kind, own in originals.items()}
    few = {kind: own[:MOST_COMPARED] for kind, own in points.items()}
    near = {
        kind: nearest(points[kind], points["train"]) for kind in ("draws", "decoded", "held_out")
    }
    job.write_manifest(
        output,
        [],
        inputs=inputs,
        shapes={
            "draws": shares(drawn),
            "decoded": shares(decoded),
            "held_out": shares(originals["held_out"]),
        },
        nearest={kind: [_short(own.distance) for own in found] for kind, found in near.items()},
        nearest_heads=[
            None if own is None else [names["train"][own.head], own.mirrored]
            for own in _of_each(drawn, near["draws"])
        ],
        samples={
            "held_out": two_samples(points["draws"], points["held_out"]),
            "decoded": two_samples(points["draws"], points["decoded"]),
            "train": two_samples(few["draws"], few["train"]),
            "real": by_chance(points["train"], points["held_out"]),
        },
    )


def _of_each(drawn: Sequence[trimesh.Trimesh], found: Sequence[Nearest]) -> list[Nearest | None]:
    """What was found of each drawn head; None of an empty one."""
    whole = iter(found)
    return [next(whole) if len(mesh.faces) else None for mesh in drawn]


def _short(value: float) -> float:
    """A number to five digits."""
    return float(f"{value:.5g}")
