"""Which heads are held out, and in which order heads are shown."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from hexplane.plumbing.errors import UserError
from hexplane.plumbing.splits import SPLITS

Split = Mapping[str, Sequence[str]]
"""Names of heads by train, validation and test; and by other family, where there are any."""


def split_heads(
    heads: Sequence[str], held_out: Mapping[str, float | int | list[str]], seed: int
) -> dict[str, list[str]]:
    """Names of the heads in train, validation and test.

    Shares and counts are taken in the order of a seeded hash of the names, so that neither the
    order of files nor a new one reshuffles the rest.

    Args:
        heads: all names.
        held_out: by `test` and `validation`, taken in this order: names, a share of all
            heads, or how many.
        seed: of the hash.

    Raises:
        UserError: a name is unknown or held out twice, or no head is left to train on.
    """
    chosen: dict[str, list[str]] = {}
    free = sorted(heads, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).hexdigest())
    for part, wanted in held_out.items():
        if isinstance(wanted, list):
            for name in wanted:
                if name not in heads:
                    raise UserError(f"split.{part}: {unknown(name, heads)}")
                if name not in free:
                    raise UserError(f"split.{part}: {name!r} is held out twice")
                free.remove(name)
            chosen[part] = list(wanted)
    for part, wanted in held_out.items():
        if not isinstance(wanted, list):
            count = wanted if isinstance(wanted, int) else round(wanted * len(heads))
            chosen[part], free = free[:count], free[count:]
    if not free:
        raise UserError(
            f"split: no mesh left to train on: of {len(heads)}, "
            f"{len(chosen['validation'])} go to validation and {len(chosen['test'])} to test"
        )
    return {"train": sorted(free), **{part: sorted(chosen[part]) for part in held_out}}


def not_held_out(split: Split, wanted: Mapping[str, Any]) -> str:
    """One sentence where a share of the heads was to be held out, and it rounds to none at all.

    Args:
        split: names by part.
        wanted: by `test` and `validation`, what was asked for.
    """
    shares = [str(own) for own in wanted.values() if isinstance(own, float) and own > 0]
    if not shares or any(split.get(part) for part in wanted):
        return ""
    return (
        f"No head is held out, because {' and '.join(dict.fromkeys(shares))} of "
        f"{len(split['train'])} rounds to none: scores are those of heads that were trained on "
        "(split.test and split.validation take names and counts, too)."
    )


def unknown(name: str, heads: Sequence[str]) -> str:
    """That there is no head of a name, and some that there are."""
    return f"no mesh named {name!r} (there are: {', '.join(heads[:8])})"


def in_turn(split: Split, chosen: Collection[str]) -> list[str]:
    """Chosen heads of test, validation, training and other families in turn, so that the first
    ones are of all."""
    order = [*reversed(SPLITS), *(family for family in split if family not in SPLITS)]
    parts = [[mesh for mesh in split.get(part, ()) if mesh in chosen] for part in order]
    return [mesh for turn in zip_longest(*parts) for mesh in turn if mesh is not None]
