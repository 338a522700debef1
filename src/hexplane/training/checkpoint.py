"""The state of a training under way, kept so that a killed one goes on.

The file is what `torch.save` writes, and after it the SHA-256 of that: bits that a disk turned must
not end up in a model.
"""

import hashlib
import io
import os
import pickle
from pathlib import Path
from typing import Any

import torch

from hexplane.plumbing.files import replacing

NAME = "checkpoint.pt"
DIGEST_BYTES = hashlib.sha256().digest_size


class Damaged(Exception):
    """A checkpoint that is not what was written; its message names the file."""


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Replace the folder's checkpoint at once."""
    with replacing(folder / NAME) as temporary, temporary.open("w+b") as stream:
        torch.save(state, stream)
        stream.seek(0)
        digest = hashlib.file_digest(stream, "sha256").digest()
        stream.seek(0, io.SEEK_END)
        stream.write(digest)
        stream.flush()
        os.fsync(stream.fileno())  # a node that goes down leaves the old one or the new one


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The folder's checkpoint, or None when there is none.

    Raises:
        Damaged: there is one, and it cannot be used.
    """
    path = folder / NAME
    try:
        data = path.read_bytes()
        written, digest = data[:-DIGEST_BYTES], data[-DIGEST_BYTES:]
        if hashlib.sha256(written).digest() != digest:
            raise Damaged(f"{path} is damaged")
        state: dict[str, Any] = torch.load(
            io.BytesIO(written), map_location="cpu", weights_only=True
        )
    except FileNotFoundError:
        return None
    except (EOFError, OSError, RuntimeError, pickle.UnpicklingError):
        raise Damaged(f"{path} cannot be read") from None
    return state
