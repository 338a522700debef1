"""Snakemake's lock of a folder, when the process that took it was killed."""

import fcntl
import shutil
from contextlib import suppress
from pathlib import Path
from typing import IO


def take_over(folder: Path) -> IO[str] | None:
    """Remove the locks of workflows that were killed, and say that this one runs.

    Snakemake's locks are files without a process's name: after `kill -9` they refuse every start.
    So each workflow also holds a shared lock of the system's own, which ends with its process. Who
    gets it alone knows that nobody else runs, and that all locks are left over. Snakemake takes its
    own locks afterwards, and goes on refusing a second run that would write the same files.

    Args:
        folder: Snakemake's own, `.snakemake`.

    Returns:
        The shared lock, for as long as it stays open; None where the file system has no locks, and
        Snakemake's stay as they are.
    """
    with suppress(OSError):
        folder.mkdir(exist_ok=True)
        running = (folder / "hexplane.running").open("a")
        try:
            fcntl.flock(running, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass  # another workflow runs
        else:
            shutil.rmtree(folder / "locks", ignore_errors=True)
        fcntl.flock(running, fcntl.LOCK_SH)
        return running
    return None
