"""Trained networks on disk."""

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file

from hexplane.errors import UserError
from hexplane.files import sha256
from hexplane.model.network import HexplaneAutoencoder
from hexplane.specs.train import TrainSpec


def build_network(spec: TrainSpec, resolution: int) -> HexplaneAutoencoder:
    """The untrained network of a training's settings."""
    return HexplaneAutoencoder(
        spec.features, resolution, spec.model, spec.bottleneck, spec.likelihood
    )


@dataclass(frozen=True)
class SavedModel:
    """A network ready for use, and what it was trained as."""

    network: HexplaneAutoencoder
    spec: TrainSpec
    resolution: int
    weights_hash: str


def load_model(folder: Path) -> SavedModel:
    """The network in a model's folder, in evaluation mode. Nothing is unpickled.

    Raises:
        UserError: the folder holds no model, or one that does not fit this version.
    """
    weights = folder / "model.safetensors"
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        spec = TrainSpec.model_validate(config["spec"])
        resolution = int(config["resolution"])
        network = build_network(spec, resolution)
        network.load_state_dict(load_file(weights))
        weights_hash = sha256(weights)
    except FileNotFoundError as error:
        raise UserError(f"{folder}: no model here ({error.filename} is missing)") from None
    except (OSError, ValueError, KeyError, TypeError, ValidationError, SafetensorError) as error:
        raise UserError(f"{folder}: not a readable model ({type(error).__name__})") from error
    except RuntimeError as error:  # torch: names or shapes differ
        raise UserError(f"{folder}: the weights do not fit config.json") from error
    return SavedModel(network.eval(), spec, resolution, weights_hash)
