"""A model's folder without a training: a tiny network with seeded weights."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from hexplane.model.codecs import build_codec
from hexplane.model.settings import CodecSettings
from hexplane.plumbing.files import write_json

RESOLUTION = 16
SIZES = {
    "widths": [8],
    "encoder_blocks": 0,
    "decoder_blocks": 0,
    "latent_channels": 2,
    "latent_resolution": 4,
    "field_channels": 4,
    "field_width": 8,
}
SHAPE = (6, 2, 4, 4)


def untrained_model(folder: Path, settings: dict[str, Any] | None = None, **changes: Any) -> Path:
    """Write `model.safetensors` and `config.json`; `changes` are of the latter's mapping."""
    folder.mkdir(parents=True)
    chosen = CodecSettings.model_validate({"model": SIZES, **(settings or {})})
    torch.manual_seed(0)
    weights = build_codec(chosen, RESOLUTION).state_dict()
    save_file(
        {name: own.contiguous() for name, own in weights.items()}, folder / "model.safetensors"
    )
    config = {"spec": chosen.model_dump(mode="json"), "resolution": RESOLUTION, "train": ["ada"]}
    write_json(folder / "config.json", {**config, "finite": True, **changes})
    return folder
