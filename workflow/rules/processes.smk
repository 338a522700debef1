"""How a run begins after one that was killed, and how its jobs end with it."""

import signal
import threading
from contextlib import suppress

import psutil

from hexplane.plumbing.lock import take_over


def interrupt_jobs(number, frame):
    """Ctrl-C, handed on to all jobs.

    A terminal sends it to them as well, but a signal to this process alone leaves a training
    running, and Snakemake waiting for its end.
    """
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            process.send_signal(signal.SIGINT)
    signal.default_int_handler(number, frame)


if workflow.is_main_process:
    RUNNING = take_over(Path(".snakemake"))
    if (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ):
        signal.signal(signal.SIGINT, interrupt_jobs)
