"""studio: a page on which heads are edited live."""

import threading
import time
from pathlib import Path

import viser

from hexplane.encoding import file_of
from hexplane.studio import guard, pictures
from hexplane.studio.desk import COARSE
from hexplane.studio.edits import FARTHEST, Edit, Head, head
from hexplane.studio.library import Library, newest_model
from hexplane.studio.person import Person
from hexplane.studio.replay import Replay


def run(model: Path | None = None, *, host: str = "127.0.0.1", port: int = 8080) -> None:
    """Edit heads live in a browser: a page on this machine, until Ctrl-C.

    Args:
        model: folder of the trained model; the one trained last in results/ when left out.
        host: address that the page is bound to; any but this machine's own lets others in.
        port: of the page; the next free one where it is taken.

    Raises:
        UserError: there is no model, or the page cannot be bound to that address.
    """
    folder = model or newest_model()
    guard.warn_of(host)
    studio = Studio(Library(folder), host, port)
    print(f"{folder}: edit its heads at {studio.address} (Ctrl-C ends it)", flush=True)
    try:
        while True:
            time.sleep(3600)
    finally:
        studio.stop()


class Studio:
    """The page, for as many as open it.

    Args:
        library: a model and its heads.
        host: address that it is bound to.
        port: of the page; 0 takes any.
    """

    def __init__(self, library: Library, host: str = "127.0.0.1", port: int = 0) -> None:
        self.library = library
        self.portraits = portraits(library)
        self.people: dict[int, Person] = {}
        self._lock = threading.Lock()
        self.server = guard.serve(host, port)
        self.server.on_client_connect(self._come)
        self.server.on_client_disconnect(self._go)

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://{self.server.get_host()}:{self.server.get_port()}"

    def stop(self) -> None:
        """Close all pages."""
        for person in list(self.people.values()):
            person.leave()
        guard.stop(self.server)

    def _come(self, client: viser.ClientHandle) -> None:
        person = Person(client, self.library, self.portraits)
        with self._lock:
            self.people[client.client_id] = person
        if client.client_id not in self.server.get_clients():  # closed meanwhile
            self._go(client)

    def _go(self, client: viser.ClientHandle) -> None:
        with self._lock:
            person = self.people.pop(client.client_id, None)
        if person is not None:
            person.leave()


def portraits(library: Library) -> list[tuple[str, str]]:
    """Pictures of both ends of each direction, from the prior's mean."""
    space, replay = library.space, Replay(library.space)
    mean = head("mean", file_of(library.saved, space.latent(space.mean), None))
    return [
        (_portrait(replay, mean, index, -1), _portrait(replay, mean, index, 1))
        for index in range(len(space.directions))
    ]


def _portrait(replay: Replay, mean: Head, index: int, sign: int) -> str:
    amounts = (0.0,) * index + (sign * FARTHEST,)
    edit = Edit(model=replay.space.saved.weights_hash[:8], head=mean, directions=amounts)
    return pictures.portrait(replay.made(edit, COARSE).mesh)
