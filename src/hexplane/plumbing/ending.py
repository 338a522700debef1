"""How a process ends before its work is done: by a signal, or with the workflow it works for.

Either way what it was writing is taken away (`files.replacing`). Every job imports this module:
what it needs is the standard library's lightest.
"""

import os
import select
import signal
import threading
import time
from contextlib import suppress
from types import FrameType

POLL = 0.5
"""Seconds between looks at whether a process still runs, where the system does not tell."""
GRACE = 10.0
"""Seconds that a process may take to put things in order."""


def end_orderly() -> None:
    """Let SIGINT and SIGTERM end the main thread by `SystemExit`, which takes temporaries away.

    A second signal changes nothing: a terminal's Ctrl-C reaches a job twice, by itself and through
    Snakemake.
    """
    for asked in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(asked) is not signal.SIG_IGN:
            signal.signal(asked, _end)


def _end(asked: int, frame: FrameType | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _end_at_last(128 + asked)
    raise SystemExit(128 + asked)


def _end_at_last(status: int) -> None:
    """End whatever happens, once the time to put things in order is over."""
    last = threading.Timer(GRACE, os._exit, [status])
    last.daemon = True
    last.start()


def end_with(process: int) -> None:
    """End this process when another one has ended, however that came."""

    def watch() -> None:
        wait_for_end(process)
        interrupt()

    threading.Thread(target=watch, daemon=True).start()


def interrupt() -> None:
    """Ask this process to end; called by a thread that is not its main one."""
    _end_at_last(128 + signal.SIGTERM)  # also a main thread that computes and hears no signal
    os.kill(os.getpid(), signal.SIGTERM)


def wait_for_end(process: int) -> None:
    """Return when a process has ended; its parent need not have asked for its status."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return
    except (AttributeError, OSError):  # not on Linux, or an old one
        while runs(process):
            time.sleep(POLL)
        return
    with suppress(OSError):
        select.select([descriptor], [], [])


def runs(process: int) -> bool:
    """Whether there is a process of that number."""
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True
