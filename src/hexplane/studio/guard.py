"""What a page may ask of this machine: viser's server, with the doors that it leaves open shut.

viser checks no Origin, so that any page in the same browser could connect; takes uploads of any
size; and lets any client open a tunnel to a server of its makers. All that reaches into viser or
websockets is here; their versions are pinned.
"""

import contextlib
import http
import io
import socket
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import viser
import websockets.asyncio.server
from viser import _messages

from hexplane.plumbing.errors import UserError

MOST_UPLOAD = 256 << 20
"""Bytes of a file."""
HIGHEST_PORT = 65535
SEEN_FROM = 10.0
"""Canonical units of the camera from the middle, along a view."""
FIELD_OF_VIEW = 0.44
"""Radians: of a lens for portraits, so that two heads side by side are seen from one side."""
LOCAL = frozenset(("127.0.0.1", "localhost", "::1"))
DROP = """
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  const input = document.querySelector("input[type=file]");
  event.preventDefault();
  if (!input || !event.dataTransfer.files.length) return;
  input.files = event.dataTransfer.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
});
"""
"""A file that is dropped anywhere on the page is as good as chosen; viser has no such thing."""


def allowed(origin: str | None, host: str | None, bound: str) -> bool:
    """Whether a request may come in.

    Args:
        origin: of the page that asks, as its browser says; None where no browser asks.
        host: the address that it asked.
        bound: the address that the server is bound to.
    """
    if host is None:
        return False
    try:
        name = urlsplit(f"//{host}").hostname
        asked = urlsplit(origin).netloc if origin is not None else host
    except ValueError:
        return False
    # A name that a foreign site made point here is no name of this machine.
    if bound in LOCAL and name not in LOCAL:
        return False
    return asked == host


def serve(host: str, port: int) -> viser.ViserServer:
    """A viser server that takes requests from its own page only, and opens no tunnel.

    Raises:
        UserError: nothing can be bound there.
    """
    _check_address(host, port)
    with _checked(host), contextlib.redirect_stdout(io.StringIO()):
        server = viser.ViserServer(host=host, port=port, label="hexplane", verbose=False)
    for message in (_messages.ShareUrlRequest, _messages.ShareUrlDisconnect):
        server._websock_server.unregister_handler(message)
    server.scene.set_up_direction("+y")
    server.scene.world_axes.visible = False
    server.initial_camera.position = (0.0, 0.0, SEEN_FROM)
    server.initial_camera.fov = FIELD_OF_VIEW
    server.initial_camera.look_at = (0.0, 0.0, 0.0)
    server.initial_camera.up = (0.0, 1.0, 0.0)
    server.gui.main_panel.dock_right()
    server.gui.configure_theme(show_logo=False, show_share_button=False, control_width="large")
    return server


def _check_address(host: str, port: int) -> None:
    """Refuse what can be bound to no port at all: viser would wait for ever.

    Raises:
        UserError: it cannot.
    """
    if not 0 <= port <= HIGHEST_PORT:
        raise UserError(f"--port: {port} (allowed: 0 to {HIGHEST_PORT})")
    try:
        kind, *_, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(kind) as one:
            one.bind(address)
    except OSError as error:
        raise UserError(f"--host: {host}: {error.strerror or error}") from None


def stop(server: viser.ViserServer) -> None:
    """Close all pages, then the server: viser fails loudly the other way round."""
    server._websock_server.disconnect_all_clients()
    for _ in range(20):
        if not server.get_clients():
            break
        time.sleep(0.1)
    with contextlib.redirect_stdout(io.StringIO()):
        server.stop()


@contextlib.contextmanager
def _checked(bound: str) -> Iterator[None]:
    """While the server starts: websockets asks `allowed` first."""
    own = websockets.asyncio.server.serve

    def checked(handler: Any, host: str, port: int, **options: Any) -> Any:
        page = options.pop("process_request")

        def process(connection: Any, request: Any) -> Any:
            headers = request.headers
            if not allowed(headers.get("Origin"), headers.get("Host"), bound):
                return connection.respond(http.HTTPStatus.FORBIDDEN, "Not from this page.\n")
            return page(connection, request)

        return own(handler, host, port, process_request=process, **options)

    websockets.asyncio.server.serve = checked  # type: ignore[assignment,misc]
    try:
        yield
    finally:
        websockets.asyncio.server.serve = own  # type: ignore[misc]


def taken(button: Any) -> tuple[str, bytes]:
    """Name and content of the file that was sent, which the button then forgets."""
    file = button.value
    button._impl.value = type(file)("", b"")
    return file.name, file.content


def take_drops(client: viser.ClientHandle) -> None:
    """Let files be dropped on a client's page, which has one button for uploads."""
    client.gui._websock_interface.queue_message(_messages.RunJavascriptMessage(source=DROP))


def limit_uploads(
    client: viser.ClientHandle, busy: Callable[[], bool], refused: Callable[[str], None]
) -> None:
    """Drop a client's uploads that are too large, or larger than they say.

    Args:
        client: before it has any button for uploads.
        busy: whether a file that was sent is not read yet.
        refused: told why, in a sentence.
    """
    gui = client.gui
    start, part = gui._handle_file_transfer_start, gui._handle_file_transfer_part
    states = gui._current_file_upload_states

    def checked_start(client_id: Any, message: Any) -> None:
        if not 0 <= message.size_bytes <= MOST_UPLOAD:
            refused(f"A file may have {MOST_UPLOAD >> 20} MB at most.")
        elif states or busy():
            refused("One file at a time, please.")
        else:
            start(client_id, message)

    def checked_part(client_id: Any, message: Any) -> None:
        state = states.get(message.transfer_uuid)
        if state is None:
            return
        if state["transferred_bytes"] + len(message.content) > state["total_bytes"]:
            del states[message.transfer_uuid]
            refused("The file is larger than it says.")
            return
        part(client_id, message)

    wire = gui._websock_interface
    for kind, own, checked in (
        (_messages.FileTransferStartUpload, start, checked_start),
        (_messages.FileTransferPart, part, checked_part),
    ):
        wire.unregister_handler(kind, own)  # type: ignore[arg-type]
        wire.register_handler(kind, checked)


def warn_of(host: str) -> None:
    """Say what it means to be bound to more than this machine."""
    if host not in LOCAL:
        print(
            f"warning: --host {host}: whoever reaches this machine can use the studio and load "
            "files into it; nothing is encrypted and nobody is asked who they are",
            file=sys.stderr,
        )
