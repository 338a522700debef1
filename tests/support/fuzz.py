"""Seeded damage to values, texts and bytes, and what a reader may do with it."""

import copy
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from hexplane.plumbing.errors import UserError

T = TypeVar("T")
SECONDS = 5
"""No reader may take longer over one damaged input."""
NASTY: tuple[Any, ...] = (
    *(float("inf"), float("-inf"), float("nan"), -1, 0, 1, 2, 0.5, 1e30, 1e-300, 10**14, 10**400),
    *(True, None, "", "\0", "a\nb", "\x1b[31m", "x" * 5000, "1e999", ".inf", "../x", "{x}", "-d"),
    *(
        "summary.csv",
        "oracle-x",
        "\ud800",
        "caf\u00e9",
        [],
        {},
        [[]],
        [None],
        {"": {}},
        {"kind": "os"},
    ),
    *([1] * 3000, {str(i): i for i in range(300)}),
)
TOKENS = (
    b"[", b"{", b"]", b"}", b":", b",", b"\n", b"\0", b"\xff", b"&a", b"*a", b"<<: *a", b"!!bool x",
    b"NaN", b"Infinity", b"1e999", b"-", b'"', b"'", b"\t", b"#", b"---\n", b"999999999999999999",
    b"[" * 3000, b"\xef\xbb\xbf", b"? ", b"!!python/object:os.system ",
)  # fmt: skip


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where in nested values something can be changed."""
    found = [at] if at else []
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    return found + [place for key, item in items for place in places(item, (*at, key))]


def damaged_value(value: Any, rng: Random) -> Any:
    """Nested values with one to three of them replaced, removed, renamed or doubled."""
    value = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 2, 3))):
        found = places(value)
        if not found:
            return value
        *above, key = rng.choice(found)
        group = value
        for part in above:
            group = group[part]
        change = rng.random()
        if change < 0.6:
            group[key] = copy.deepcopy(rng.choice(NASTY))
        elif change < 0.75:
            del group[key]
        elif isinstance(group, dict):
            name = rng.choice([item for item in NASTY if isinstance(item, str | int | float)])
            group[name] = group.pop(key) if change < 0.9 else copy.deepcopy(group[key])
        else:
            group.insert(key, copy.deepcopy(group[key]))
    return value


def damaged_bytes(content: bytes, rng: Random) -> bytes:
    """Bytes with some flipped, cut, doubled or put in."""
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(content) + 1)
        size = rng.choice((1, 2, 8, 100))
        change = rng.randrange(6)
        if change == 0 and content:
            content[at % len(content)] ^= 1 << rng.randrange(8)
        elif change == 1:
            del content[at : at + size]
        elif change == 2:
            content[at:at] = rng.choice(TOKENS)
        elif change == 3:
            content[at:at] = content[at : at + size]
        elif change == 4:
            lines = bytes(content).splitlines(keepends=True) or [b""]
            content += rng.choice(lines)
        elif rng.random() < 0.2:
            del content[at:]
    return bytes(content)


def damage_a_file(folder: Path, rng: Random) -> str:
    """Change, remove or replace one file in a folder; says which."""
    file = rng.choice(sorted(path for path in folder.rglob("*") if path.is_file()))
    change = rng.random()
    if change < 0.9:
        file.write_bytes(damaged_bytes(file.read_bytes(), rng))
    else:
        file.unlink()
        if change > 0.95:
            file.mkdir()
    return str(file.relative_to(folder))


def outcome(what: object, read: Callable[..., T], *arguments: Any) -> T | None:
    """What a reader gives, or None where it refuses as it should.

    Args:
        what: names the damage, for the message.
        read: the reader.
        arguments: of the reader.

    Raises:
        AssertionError: it took long, raised anything but `UserError`, or its lines are not plain.
    """
    try:
        with _limited():
            return read(*arguments)
    except UserError as error:
        said = str(error)
        assert said, what
        assert all(line and line.isprintable() for line in said.split("\n")), (what, said)
        assert all(len(line) < 2000 for line in said.split("\n")), (what, said)
        return None
    except Exception as error:
        raise AssertionError(f"{what}\n{''.join(traceback.format_exception(error))}") from None


@contextmanager
def _limited() -> Iterator[None]:
    def ring(*_: object) -> None:
        raise TimeoutError(f"no answer in {SECONDS} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
