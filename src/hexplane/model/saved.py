"""Trained codecs on disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from hexplane.geometry.limits import MOST_PIXELS
from hexplane.model.codec import Codec
from hexplane.model.codecs import build_codec
from hexplane.model.settings import CodecSettings
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import read_json, sha256
from hexplane.plumbing.parse import checked
from hexplane.plumbing.paths import CONFIG, WEIGHTS

_TYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""As safetensors calls them."""


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
        finite: whether no weight is NaN or infinite; those of a diverged training are.
    """

    codec: Codec
    settings: CodecSettings
    training: dict[str, Any]
    trained_on: list[str]
    resolution: int
    weights_hash: str
    finite: bool = True


def load_model(folder: Path) -> SavedModel:
    """The codec in a model's folder. Nothing is unpickled.

    Whatever `config.json` says, no more memory is taken than the file of weights has bytes for.

    Raises:
        UserError: the folder holds no model, or one that is damaged or does not fit this version.
    """
    settings, config = _configuration(folder)
    weights = folder / WEIGHTS
    if not weights.exists():
        raise UserError(f"{folder}: no model here ({weights} is missing)")
    if not weights.is_file():
        raise UserError(f"{weights}: not a file")
    try:
        with torch.device("meta"):
            expected = build_codec(settings, config.resolution)
            expected.sized(_shapes(weights))
        _check_weights(weights, expected.state_dict())
        codec = build_codec(settings, config.resolution)
        codec.sized(_shapes(weights))
        found = load_file(weights)
        codec.load_state_dict(found)
    except (OSError, ValueError, SafetensorError) as error:
        raise UserError(f"{weights}: not readable as weights ({type(error).__name__})") from error
    finite = all(bool(torch.isfinite(own).all()) for own in found.values())
    if config.finite and not finite:
        raise UserError(f"{weights}: holds NaN or infinity (allowed: finite numbers)")
    return SavedModel(
        codec.eval(),
        settings,
        config.spec,
        config.train,
        config.resolution,
        sha256(weights),
        finite,
    )


def chosen_modules(folder: Path) -> tuple[str, ...]:
    """Dotted names of the modules that a saved model's settings choose.

    Raises:
        UserError: the folder holds no model, or one that does not fit this version.
    """
    return _configuration(folder)[0].modules()


class _Saved(BaseModel):
    """What this software reads of a model's config.json."""

    model_config = ConfigDict(strict=True)

    spec: dict[str, Any]
    resolution: int = Field(ge=1, le=MOST_PIXELS)
    train: list[str]
    finite: bool = True


def _configuration(folder: Path) -> tuple[CodecSettings, _Saved]:
    """What the codec is made of, and all else that its config.json says."""
    file = folder / CONFIG
    if not file.exists():
        raise UserError(f"{folder}: no model here ({file} is missing)")
    values = read_json(file)
    if not isinstance(values, dict):
        raise UserError(f"{file}: no configuration of a model (allowed: a JSON mapping)")
    saved = checked(_Saved, values, where=f"{file}: ")
    own = {name: saved.spec[name] for name in CodecSettings.model_fields if name in saved.spec}
    settings = checked(CodecSettings, own, ("spec",), f"{file}: ")
    misfit = settings.model.misfit(saved.resolution)
    if misfit:
        raise UserError(f"{file}: spec.model.{misfit}")
    return settings, saved


def _shapes(file: Path) -> dict[str, list[int]]:
    """Shape of each of a file's weights, by its header."""
    with safe_open(file, framework="pt") as opened:
        return {name: opened.get_slice(name).get_shape() for name in opened.keys()}  # noqa: SIM118


def _check_weights(file: Path, expected: dict[str, Tensor]) -> None:
    """Refuse a file whose header names other weights than a codec has, or of other shapes."""
    with safe_open(file, framework="pt") as opened:
        found = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118
        for name in sorted(expected.keys() | found.keys()):
            if name not in found:
                raise UserError(f"{file}: {name!r} is missing, which config.json asks for")
            if name not in expected:
                raise UserError(
                    f"{file}: {name!r} is none of the weights that config.json asks for"
                )
            own, shape = found[name], list(expected[name].shape)
            if own.get_shape() != shape or own.get_dtype() != _TYPES.get(expected[name].dtype):
                raise UserError(
                    f"{file}: {name!r} is {own.get_dtype()} of the shape {own.get_shape()}, but "
                    f"config.json asks for {_TYPES.get(expected[name].dtype)} of {shape}"
                )
