"""A study's folder with models of every kind of codec that the studio edits, made in seconds."""

from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from safetensors.torch import save_file

from hexplane.geometry.meshes import normalise
from hexplane.geometry.writing import write_mesh
from hexplane.model.codecs import build_codec
from hexplane.model.settings import CodecSettings
from hexplane.plumbing.files import write_json
from hexplane.plumbing.paths import Layout
from hexplane.rendering.embree import EmbreeRenderer
from hexplane.store import read_hexplane, write_hexplane
from support.project import bump

RESOLUTION = 64
NAMES = tuple("abcdefgh")
SOURCE = np.diag([3.0, 3.0, 3.0, 1.0]) + [[0, 0, 0, 10], [0, 0, 0, -5], [0, 0, 0, 2], [0, 0, 0, 0]]
"""From the shapes to their sources' coordinates."""
KINDS: dict[str, dict[str, Any]] = {
    "linear": {"kind": "linear", "grid": 32, "components": 12, "step": 0.01},
    "layered": {"kind": "layered", "grid": 32, "components": 12, "step": 0.01},
    "planes": {
        **{"widths": [8], "encoder_blocks": 0, "decoder_blocks": 0, "latent_channels": 2},
        **{"latent_resolution": 8, "field_channels": 4, "field_width": 8},
    },
}


def source_of(seed: int) -> trimesh.Trimesh:
    """A shape in its source's coordinates."""
    mesh = bump(seed)
    mesh.apply_transform(SOURCE)
    return mesh


def shapes() -> dict[str, trimesh.Trimesh]:
    """A shape for each name."""
    return {name: source_of(seed) for seed, name in enumerate(NAMES)}


def write_study(
    root: Path,
    sources: dict[str, trimesh.Trimesh],
    kinds: dict[str, dict[str, Any]] = KINDS,
    resolution: int = RESOLUTION,
) -> Layout:
    """Write meshes, views, a split and models; one of kind `planes` is untrained.

    Args:
        root: the study's folder.
        sources: meshes by name; the last one is held out.
        kinds: settings of each model.
        resolution: R.
    """
    layout = Layout(root)
    for name, source in sources.items():
        mesh, transform = normalise(source, "y")
        write_mesh(mesh, Path(layout.mesh.format(mesh=name)))
        views = EmbreeRenderer().render(mesh, resolution)
        write_hexplane(Path(layout.hexplane.format(mesh=name)), views, transform.tolist())
    *train, last = sources
    write_json(Path(layout.split), {"train": train, "validation": [], "test": [last]})
    for kind, model in kinds.items():
        settings = CodecSettings.model_validate({"model": model})
        codec = build_codec(settings, resolution)
        if kind != "planes":
            stores = (Path(layout.hexplane.format(mesh=name)) for name in train)
            codec.fit(codec.field_of(read_hexplane(store)) for store in stores)
        folder = Path(layout.model.format(run=kind))
        folder.mkdir(parents=True)
        weights = {name: own.contiguous() for name, own in codec.state_dict().items()}
        save_file(weights, folder / "model.safetensors")
        spec = settings.model_dump(mode="json")
        config = {"spec": spec, "resolution": resolution, "train": train, "finite": True}
        write_json(folder / "config.json", config)
    return layout
