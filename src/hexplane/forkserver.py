"""An interpreter that imports stages once and forks for each of their jobs.

A small job's imports cost more than its work: a second for a mesh stage, five for a generated head.
The workflow names its own process in `HEXPLANE_FORKSERVER`. Its first job then starts a server,
which ends with that process; each job hands over its arguments and streams, and waits for its
fork's exit status. What a stage needs is imported when its first job comes, and most of it is what
others need as well. Where no server can be had, a job runs in its own interpreter as ever.

Every job imports this module: what it needs is the standard library's lightest.
"""

import fcntl
import marshal
import os
import socket
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from hexplane.plumbing.ending import POLL, end_orderly, end_with, interrupt, runs

OWNER = "HEXPLANE_FORKSERVER"
"""Environment variable: the process that the server belongs to."""
SERVED = "HEXPLANE_SERVED"
"""Environment variable: stages that say they are served (`hexplane.stages`), with spaces."""
IDLE = 120.0
"""A server that had nothing to do for so many seconds gives its memory back."""


def end_with_owner() -> None:
    """End when the workflow that this process works for has ended, where it works for one."""
    owner = os.environ.get(OWNER, "")
    if owner.isdigit():
        end_with(int(owner))


def run_in_fork(arguments: list[str]) -> int | None:
    """Run `hexplane ARGUMENTS` in a fork of the workflow's server, on this process's streams.

    Returns:
        The exit status; None when nothing was run: no server, or a stage that is not served.
    """
    owner = os.environ.get(OWNER, "")
    served = os.environ.get(SERVED, "").split()
    if not owner.isdigit() or not arguments or arguments[0] not in served:
        return None
    started = False
    try:
        with _connect(int(owner)) as server, _handing_on(server):
            about = marshal.dumps([arguments, os.getcwd(), dict(os.environ)])
            socket.send_fds(server, [len(about).to_bytes(4, "big")], [1, 2])
            server.sendall(about)
            started = bool(server.recv(1))
            status = server.recv(1)
    except OSError:
        status = b""
    if not started:
        return None
    if not status:
        print(f"error: {arguments[0]}: the job was killed", file=sys.stderr)
        return 1
    return status[0]


@contextmanager
def _handing_on(server: socket.socket) -> Iterator[None]:
    """Who is asked to end asks its fork to, and waits until that has taken its temporaries away."""
    try:
        yield
    except SystemExit:
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)
            server.recv(1)
        raise


def _connect(owner: int) -> socket.socket:
    """A connection to an owner's server, which is started when there is none.

    Raises:
        OSError: there can be no socket here.
    """
    interpreter = zlib.crc32(f"{sys.prefix}:{__file__}".encode())
    path = f"{_folder()}/{owner}-{interpreter:x}"
    connection = socket.socket(socket.AF_UNIX)
    with suppress(OSError):
        connection.connect(path)
        return connection
    with _locked(path):
        try:
            connection.connect(path)  # started by another job in the meantime
        except OSError:
            with suppress(FileNotFoundError):
                os.unlink(path)
            _start(owner, path)
            connection.connect(path)
    return connection


def _folder() -> str:
    """Where sockets lie: a folder that nobody else can reach.

    Raises:
        OSError: it cannot be made, or is another's.
    """
    folder = f"{os.environ.get('TMPDIR', '/tmp')}/hexplane-{os.getuid()}"
    with suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not private")
    return folder


@contextmanager
def _locked(path: str) -> Iterator[None]:
    """Only one process at a time starts or ends a server."""
    with open(f"{os.path.dirname(path)}/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start(owner: int, path: str) -> None:
    import subprocess

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(128)
        fd = listener.fileno()
        # A session of its own, and none of the job's streams: the job ends before its server.
        subprocess.Popen(
            [sys.executable, "-m", __name__, str(owner), path, str(fd)],
            pass_fds=[fd],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def _serve(owner: int, path: str, listener: socket.socket) -> None:
    """Fork for each request until the owner is gone, or there was none for a while."""
    stages = _Stages()
    listener.settimeout(POLL)
    quiet = 0.0
    while quiet < IDLE and runs(owner):
        with suppress(ChildProcessError):  # forks answer for themselves
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            quiet += POLL
            continue
        quiet = 0.0
        with connection, suppress(OSError, ValueError):
            connection.settimeout(10)  # of a client that stopped half-way through
            _answer(connection, listener, stages)
    with _locked(path):
        # Who connected but was not heard runs by itself.
        listener.close()
        os.unlink(path)


class _Stages:
    """The stages that this server has imported, of one state of the source."""

    def __init__(self) -> None:
        self._loaded: set[str] = set()
        self._source = _stamps()

    def load(self, stage: str) -> None:
        """Import a stage and all it may import later, and let it prepare what its jobs share.

        Raises:
            SystemExit: the source changed since the server began: modules of two states are none.
        """
        if stage in self._loaded:
            return
        import gc
        from importlib import import_module

        from hexplane.plumbing.digests import code_digest, import_closure
        from hexplane.plumbing.manifests import versions

        name = f"hexplane.stages.{stage}"
        for module in ["hexplane.cli", "hexplane.plumbing.parse", *sorted(import_closure(name))]:
            with suppress(ImportError):  # of an optional library
                import_module(module)
        getattr(sys.modules[name], "prepare", lambda: None)()
        versions()
        code_digest(name)  # kept: forks run this code, whatever becomes of the files
        if _stamps() != self._source:
            sys.exit(1)
        gc.freeze()  # else each fork's first collection copies all of it
        self._loaded.add(stage)


def _stamps() -> dict[str, tuple[int, int]]:
    """Time and size of each file of the package."""
    found = {}
    for folder, folders, files in os.walk(os.path.dirname(__file__)):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for file in files:
            about = os.stat(f"{folder}/{file}")
            found[f"{folder}/{file}"] = about.st_mtime_ns, about.st_size
    return found


def _answer(connection: socket.socket, listener: socket.socket, stages: _Stages) -> None:
    size, streams, _, _ = socket.recv_fds(connection, 4, 2)
    about = b""
    try:
        while len(about) < int.from_bytes(size, "big"):
            part = connection.recv(1 << 20)
            if not part:
                return
            about += part
        asked = marshal.loads(about)
        stages.load(asked[0][0])
        if os.fork() == 0:
            listener.close()
            _work(connection, streams, *asked)
    finally:
        for stream in streams:
            os.close(stream)


def _work(
    connection: socket.socket,
    streams: list[int],
    arguments: list[str],
    folder: str,
    environment: dict[str, str],
) -> None:
    """The job, in the fork; never returns."""
    from threading import Thread

    from hexplane.cli import main

    status = 1
    try:
        end_orderly()
        for number, stream in enumerate(streams, start=1):
            os.dup2(stream, number)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = ["hexplane", *arguments]
        connection.settimeout(None)
        connection.sendall(b"!")
        Thread(target=_end_with, args=(connection,), daemon=True).start()
        main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
            connection.sendall(bytes([status]))
        os._exit(status)


def _end_with(connection: socket.socket) -> None:
    """Interrupt the job when who asked for it was ended, or asks for that."""
    with suppress(OSError):
        connection.recv(1)
    interrupt()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), sys.argv[2], socket.socket(fileno=int(sys.argv[3])))
