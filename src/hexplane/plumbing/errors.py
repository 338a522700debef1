"""Errors that are one line: the user's mistakes, and a machine that is full or may not be used."""

import errno
from collections.abc import Iterator

BUILD_NVDIFFRAST = (
    "pip install setuptools wheel ninja && pip install --no-build-isolation "
    "git+https://github.com/NVlabs/nvdiffrast.git@v0.4.0"
)
"""nvdiffrast is no registry's package: it is compiled against the torch that is installed."""


class UserError(Exception):
    """Bad input: the message is one clear line per mistake and is shown without a traceback."""

    @property
    def told(self) -> str:
        """What is printed: each line as an error."""
        return "\n".join(f"error: {line}" for line in str(self).split("\n"))


NO_MEMORY = "not enough memory (close other programs, or lower sizes or --cores)"
_MACHINE = {
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EPERM", "EIO", "EMFILE", "ENFILE")
}
"""What a write or a read meets without any mistake of this software."""
_OF_MEMORY = ("can't allocate memory", "cannot allocate memory", "out of memory", "bad_alloc")
"""What libraries say instead of MemoryError, in small letters."""


def system_error(error: BaseException) -> OSError | None:
    """The system's own error behind one, where the machine is full or may not be used.

    Libraries raise errors of their own while they handle the system's: all of them are looked at.
    """
    for one in _chain(error):
        if isinstance(one, OSError) and one.errno in _MACHINE:
            return one
    return None


def of_machine(error: BaseException) -> str | None:
    """What the machine lacks, as one line; None where an error is of another kind."""
    system = system_error(error)
    if system is not None:
        return f"{system.filename}: {system.strerror}" if system.filename else system.strerror
    for one in _chain(error):
        said = str(one).lower()
        library = isinstance(one, RuntimeError | ImportError | OSError)
        if isinstance(one, MemoryError) or (library and any(words in said for words in _OF_MEMORY)):
            return NO_MEMORY
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, those of its group, and those that it was raised from or beside."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or any(one is other for other in seen):
            continue
        seen.append(one)
        yield one
        grouped = one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        waiting += [*grouped, one.__cause__, one.__context__]
