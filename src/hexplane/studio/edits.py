"""An edit: all that is done to a head, as values that a small YAML file holds.

Nothing is kept of how an edit came to be: its parts are applied in one order, so that the same
values give the same mesh. Heads are in it as latent files, so that it needs no study.
"""

import base64
import binascii
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, field_validator

from hexplane.geometry import frame
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import write_text
from hexplane.plumbing.parse import checked
from hexplane.plumbing.settings import Settings
from hexplane.plumbing.texts import TwiceError, parse_yaml, read_text

DIRECTIONS = 12
"""Principal directions that can be moved along."""
FARTHEST = 2.0
"""Standard deviations along a direction: what lies beyond is no head any more."""
MOST_HEADS = 8
"""Heads in a mixture besides the first, and parts that are swapped."""
MOST_SPOTS = 256
LONGEST_LATENT = 1 << 23
"""Letters of a latent file in base64."""
LEAST_FACES = 100

View = Literal["top", "bottom", "front", "back", "left", "right"]
assert View.__args__ == frame.VIEW_NAMES  # type: ignore[attr-defined]


class Head(Settings):
    """A head by its latent file."""

    name: str = Field(max_length=120, description="For people.")
    latent: str = Field(max_length=LONGEST_LATENT, description="A latent file in base64.")

    @field_validator("latent")
    @classmethod
    def _of_base64(cls, text: str) -> str:
        try:
            base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("not base64") from None
        return text

    @property
    def file(self) -> bytes:
        """The latent file's bytes."""
        return base64.b64decode(self.latent)


def head(name: str, file: bytes) -> Head:
    """A head by the bytes of its latent file."""
    return Head(name=name[:120], latent=base64.b64encode(file).decode())


class Part(Settings):
    """A head in a mixture."""

    head: Head
    weight: float = Field(ge=0, le=1, description="Share of this head; the first one has the rest.")


class Spot(Settings):
    """A painted disc on a view, in its image coordinates from -1 to 1."""

    right: float = Field(ge=-1, le=1)
    up: float = Field(ge=-1, le=1)
    radius: float = Field(gt=0, le=2)


class Swap(Settings):
    """What one view sees of another head."""

    head: Head
    view: View
    spots: tuple[Spot, ...] = Field((), max_length=MOST_SPOTS, description="None: the whole view.")


class Output(Settings):
    """How a mesh is taken out."""

    resolution: int = Field(128, ge=16, le=256, description="Voxels along the cube's side, N.")
    faces: int | None = Field(None, ge=LEAST_FACES, le=10_000_000, description="At most so many.")
    canonical: bool = Field(False, description="In the canonical cube, or the head's own place.")


class Edit(Settings):
    """An edited head. The parts are applied in the order in which they stand here."""

    model: str = Field(pattern=r"^[0-9a-f]{8}$", description="First of the weights' SHA-256.")
    head: Head
    mix: tuple[Part, ...] = Field((), max_length=MOST_HEADS)
    swaps: tuple[Swap, ...] = Field((), max_length=MOST_HEADS)
    symmetry: float = Field(0.0, ge=0, le=1, description="1: the mean with the mirror image.")
    towards_mean: float = Field(0.0, ge=0, le=1, description="1: the prior's mean.")
    directions: tuple[float, ...] = Field(
        (), max_length=DIRECTIONS, description="Standard deviations along principal directions."
    )
    most_bytes: int | None = Field(None, ge=1, description="Of the latent file; none: any.")
    output: Output = Output()

    @field_validator("directions")
    @classmethod
    def _near(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if any(abs(value) > FARTHEST for value in values):
            raise ValueError(f"from {-FARTHEST:g} to {FARTHEST:g} standard deviations each")
        return values

    @field_validator("mix")
    @classmethod
    def _at_most_whole(cls, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        if sum(part.weight for part in parts) > 1 + 1e-9:
            raise ValueError("the weights add up to more than 1")
        return parts


def to_yaml(edit: Edit) -> str:
    """An edit as YAML; what is as in every new edit is left out."""
    values = edit.model_dump(mode="json", exclude_defaults=True)
    head = "# An edit of hexplane's studio: `hexplane edit THIS_FILE head.ply` makes its mesh.\n"
    return head + yaml.safe_dump(values, sort_keys=False, width=2**20)


def write_edit(edit: Edit, path: Path) -> None:
    """Write an edit as YAML."""
    write_text(path, to_yaml(edit))


def from_yaml(text: str, name: str) -> Edit:
    """The edit in a YAML text.

    Raises:
        UserError: it is no YAML, or one line for each key that is wrong.
    """
    try:
        values = parse_yaml(text)
    except TwiceError as error:
        raise UserError(f"{name}: {error}") from None
    except ValueError:
        raise UserError(f"{name}: not readable as YAML") from None
    if not isinstance(values, dict):
        raise UserError(f"{name}: no edit (allowed: a mapping with the keys of an edit)")
    return checked(Edit, values, where=f"{name}: ")


def read_edit(path: Path) -> Edit:
    """The edit in a file.

    Raises:
        UserError: it is missing, no YAML, or no edit.
    """
    return from_yaml(read_text(path), str(path))
