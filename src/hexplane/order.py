"""The order in which heads are shown."""

from collections.abc import Collection, Mapping, Sequence
from itertools import zip_longest


def in_turn(split: Mapping[str, Sequence[str]], chosen: Collection[str]) -> list[str]:
    """Chosen heads of test, validation and training in turn, so that the first ones are of all."""
    parts = [
        [mesh for mesh in split.get(part, ()) if mesh in chosen]
        for part in ("test", "validation", "train")
    ]
    return [mesh for turn in zip_longest(*parts) for mesh in turn if mesh is not None]
