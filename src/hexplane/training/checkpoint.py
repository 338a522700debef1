"""Training states that survive a kill."""

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import replacing

NAME = "checkpoint.pt"


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Replace the folder's checkpoint at once."""
    with replacing(folder / NAME) as temporary, temporary.open("wb") as stream:
        torch.save(state, stream)
        stream.flush()
        os.fsync(stream.fileno())  # a node that goes down leaves the old one or the new one


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The folder's checkpoint, or None when there is none.

    Raises:
        UserError: the file is damaged.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        try:
            state: dict[str, Any] = torch.load(stream, map_location="cpu", weights_only=True)
        except (EOFError, OSError, RuntimeError, pickle.UnpicklingError):
            raise UserError(f"{path}: damaged; remove it, and the training starts anew") from None
    return state
