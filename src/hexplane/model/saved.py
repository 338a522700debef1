"""Trained codecs on disk."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file

from hexplane.model.codec import Codec
from hexplane.model.codecs import build_codec
from hexplane.model.settings import CodecSettings
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import sha256


@dataclass(frozen=True)
class SavedModel:
    """A codec ready for use, and what it was trained as.

    Attributes:
        codec: in evaluation mode.
        settings: what the codec is made of.
        training: all settings of its training, as plain values.
        trained_on: names of the training heads.
        resolution: R, pixels along a view's side.
        weights_hash: SHA-256 of the file with the weights.
    """

    codec: Codec
    settings: CodecSettings
    training: dict[str, Any]
    trained_on: list[str]
    resolution: int
    weights_hash: str


def load_model(folder: Path) -> SavedModel:
    """The codec in a model's folder. Nothing is unpickled.

    Raises:
        UserError: the folder holds no model, or one that does not fit this version.
    """
    weights = folder / "model.safetensors"
    settings, config = _configuration(folder)
    resolution = config["resolution"]
    try:
        codec = build_codec(settings, resolution)
        codec.load_state_dict(load_file(weights))
        weights_hash = sha256(weights)
    except FileNotFoundError:
        raise UserError(f"{folder}: no model here ({weights} is missing)") from None
    except (OSError, ValueError, SafetensorError) as error:
        raise UserError(f"{folder}: not a readable model ({type(error).__name__})") from error
    except RuntimeError as error:  # torch: names or shapes differ
        raise UserError(f"{folder}: the weights do not fit config.json") from error
    return SavedModel(
        codec.eval(), settings, config["spec"], config["train"], resolution, weights_hash
    )


def chosen_modules(folder: Path) -> tuple[str, ...]:
    """Dotted names of the modules that a saved model's settings choose.

    Raises:
        UserError: the folder holds no model, or one that does not fit this version.
    """
    return _configuration(folder)[0].modules()


def _configuration(folder: Path) -> tuple[CodecSettings, dict[str, Any]]:
    """What the codec is made of, and all that its config.json says."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        training = config["spec"]
        own = {name: training[name] for name in CodecSettings.model_fields if name in training}
        config = {**config, "resolution": int(config["resolution"]), "train": list(config["train"])}
        return CodecSettings.model_validate(own), config
    except FileNotFoundError as error:
        raise UserError(f"{folder}: no model here ({error.filename} is missing)") from None
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise UserError(f"{folder}: not a readable model ({type(error).__name__})") from error
