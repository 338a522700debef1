"""Who may come in, and what may be sent."""

import base64
import http.client
import os
import socket

import pytest

from hexplane.plumbing.errors import UserError
from hexplane.studio import guard
from hexplane.studio.command import Studio


@pytest.mark.parametrize(
    ("origin", "host", "bound", "may"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1", True),
        ("http://localhost:8080", "localhost:8080", "127.0.0.1", True),
        (None, "127.0.0.1:8080", "127.0.0.1", True),  # no browser
        ("http://evil.example", "127.0.0.1:8080", "127.0.0.1", False),
        ("http://127.0.0.1:9999", "127.0.0.1:8080", "127.0.0.1", False),  # another program's page
        ("http://evil.example:8080", "evil.example:8080", "127.0.0.1", False),  # rebound name
        ("null", "127.0.0.1:8080", "127.0.0.1", False),  # a file, or a sandbox
        ("http://[", "127.0.0.1:8080", "127.0.0.1", False),
        (None, None, "127.0.0.1", False),
        ("http://box:8080", "box:8080", "0.0.0.0", True),
        ("http://evil.example", "box:8080", "0.0.0.0", False),
    ],
)
def test_only_the_page_itself_may_come_in(origin, host, bound, may):
    assert guard.allowed(origin, host, bound) is may


@pytest.fixture(scope="module")
def studio(libraries):
    studio = Studio(libraries["linear"])
    yield studio
    studio.stop()


def upgrade(port: int, **headers: str) -> int:
    """Status of a WebSocket's handshake."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    key = base64.b64encode(os.urandom(16)).decode()
    own = {
        **{"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"},
        **{"Sec-WebSocket-Key": key, "Sec-WebSocket-Protocol": "viser-v1.1.1"},
    }
    connection.request("GET", "/", headers=own | headers)
    return connection.getresponse().status


def test_a_foreign_page_s_socket_is_refused(studio):
    port = studio.server.get_port()
    assert upgrade(port, Origin=f"http://127.0.0.1:{port}") == 101
    assert upgrade(port, Origin="https://evil.example") == 403
    assert upgrade(port, Origin="http://evil.example", Host="evil.example") == 403


def test_it_is_bound_to_this_machine_alone(studio, capfd):
    assert studio.address.startswith("http://127.0.0.1:")
    addresses = [one[4][0] for one in socket.getaddrinfo(socket.gethostname(), None)]
    for address in set(addresses) - {"127.0.0.1", "::1"}:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as one:
            one.settimeout(5)
            assert one.connect_ex((address, studio.server.get_port())) != 0
    guard.warn_of("127.0.0.1")
    assert capfd.readouterr().err == ""
    guard.warn_of("0.0.0.0")
    assert capfd.readouterr().err.startswith("warning: --host 0.0.0.0: ")


def test_nobody_can_open_a_tunnel(studio):
    from viser import _messages

    handlers = studio.server._websock_server._incoming_handlers
    assert _messages.ShareUrlRequest not in handlers


@pytest.mark.parametrize(
    ("host", "port", "said"),
    [
        ("127.0.0.1", 70000, "--port: 70000 (allowed: 0 to 65535)"),
        ("203.0.113.7", 8080, "--host: 203.0.113.7: "),  # of nobody (RFC 5737)
    ],
)
def test_an_address_that_cannot_be_bound_is_refused_at_once(host, port, said):
    with pytest.raises(UserError) as error:
        guard.serve(host, port)
    assert str(error.value).startswith(said)
