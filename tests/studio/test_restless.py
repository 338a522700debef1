"""Somebody who clicks, drags and loads without end: seeded, over a real WebSocket, without a page.

HEXPLANE_RESTLESS=600 makes it ten minutes.
"""

import logging
import os
import random
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import websockets.sync.client
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from hexplane.studio import guard
from hexplane.studio.command import Studio
from hexplane.studio.edits import Edit, to_yaml
from hexplane.studio.person import Person
from support.project import bump

SECONDS = float(os.environ.get("HEXPLANE_RESTLESS", "20"))
MOST_GROWTH = 150 << 20
"""Bytes that the process may grow by after its first half: caches are full by then."""
PART = 1 << 19
CAMERA = {
    "type": "ViewerCameraMessage",
    **{"wxyz": (0.0, 1.0, 0.0, 0.0), "position": (0.0, 0.0, 3.6), "look_at": (0.0, 0.0, 0.0)},
    **{"fov": 1.0, "near": 0.1, "far": 10.0, "up_direction": (0.0, 1.0, 0.0)},
    **{"image_height": 800, "image_width": 800},
}


class Visitor:
    """What viser's page sends, without the page."""

    def __init__(self, studio: Studio) -> None:
        before = set(studio.people)
        self.wire = websockets.sync.client.connect(
            studio.address.replace("http", "ws"),
            subprotocols=[Subprotocol("viser-v1.1.1")],
            max_size=None,
            compression=None,
        )
        threading.Thread(target=self._listen, daemon=True).start()
        self.send(**CAMERA)
        end = time.monotonic() + 120
        while not set(studio.people) - before:
            assert time.monotonic() < end
            time.sleep(0.05)
        (number,) = set(studio.people) - before
        self.person: Person = studio.people[number]
        self.controls: dict[str, Any] = {
            f"{control.label}{number}": control
            for number, control in enumerate(
                self.person.client.gui._gui_input_handle_from_uuid.values()
            )
        }

    def send(self, **message: Any) -> None:
        self.wire.send(msgspec.msgpack.encode(message))

    def set(self, control: Any, value: Any) -> None:
        self.send(type="GuiUpdateMessage", uuid=control._impl.uuid, updates={"value": value})

    def upload(self, name: str, content: bytes, said: int | None = None) -> None:
        (button,) = (own for label, own in self.controls.items() if label.startswith("Load a file"))
        transfer, parts = str(uuid.uuid4()), range(0, len(content), PART)
        own = {"source_component_uuid": button._impl.uuid, "transfer_uuid": transfer}
        size = len(content) if said is None else said
        start = {"filename": name, "mime_type": "", "part_count": len(parts), "size_bytes": size}
        self.send(type="FileTransferStartUpload", **own, **start)
        for index, at in enumerate(parts):
            part = {"part_index": index, "content": content[at : at + PART]}
            self.send(type="FileTransferPart", **own, **part)

    def turn(self, chance: random.Random) -> None:
        place = tuple(chance.uniform(-3, 3) for _ in range(3))
        self.send(**{**CAMERA, "position": place})

    def _listen(self) -> None:
        try:
            for _ in self.wire:
                pass
        except ConnectionClosed:
            pass


@pytest.fixture(scope="module")
def studio(libraries: dict[str, Any]) -> Iterator[Studio]:
    studio = Studio(libraries["layered"])
    yield studio
    studio.stop()


@pytest.fixture
def files(studio: Studio, tmp_path: Path) -> list[tuple[str, bytes]]:
    """What is loaded: sound, damaged, of other kinds."""
    bump(30).export(tmp_path / "own.obj")
    bump(31).export(tmp_path / "own.glb")
    obj, glb = ((tmp_path / name).read_bytes() for name in ("own.obj", "own.glb"))
    library = studio.library
    head = library.study_head("b").head
    yaml = to_yaml(Edit(model=library.saved.weights_hash[:8], head=head, symmetry=0.5)).encode()
    return [
        *(("own.obj", obj), ("own.glb", glb), ("b.hxl", head.file), ("edit.yaml", yaml)),
        *(("cut.glb", glb[: len(glb) // 2]), ("cut.hxl", head.file[:-3]), ("x.yaml", b"\xff\x00")),
        *(("empty.ply", b""), ("../../etc/x.obj", obj), ("no suffix", b"1"), ("x.exe", b"MZ")),
        ("<img src=x onerror=alert(1)>.stl", b"solid"),
    ]


def memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_restless_visitor_breaks_nothing(studio, files, caplog, capfd):
    chance = random.Random(0)
    visitor = Visitor(studio)
    controls = list(visitor.controls.values())
    started, half = time.monotonic(), 0
    with caplog.at_level(logging.WARNING):
        while time.monotonic() - started < SECONDS:
            if not half and time.monotonic() - started > SECONDS / 2:
                half = memory()
            control = chance.choice(controls)
            props = control._impl.props
            if control.label == "Picture":
                continue  # it takes a page
            if hasattr(props, "options") and not hasattr(props, "mime_type"):
                visitor.set(control, chance.choice(props.options))
            elif hasattr(props, "mime_type"):
                name, content = chance.choice(files)
                lie = chance.choice([None] * 8 + [guard.MOST_UPLOAD + 1, len(content) // 2])
                visitor.upload(name, content, lie)
            elif isinstance(control.value, bool):
                visitor.set(control, chance.random() < 0.5)
            elif hasattr(props, "min"):
                for _ in range(chance.randint(1, 30)):  # a drag
                    value = chance.uniform(float(props.min), float(props.max))
                    visitor.set(control, value * chance.choice([1] * 9 + [7]))
            visitor.turn(chance)
            time.sleep(chance.choice([0, 0.01, 0.1]))
        assert visitor.person.worker.wait(300)
        # It still does what it is asked.
        reset = [
            own for own in controls if getattr(own._impl.props, "options", ())[:1] == ("Undo",)
        ]
        visitor.set(reset[0], "Reset")
        time.sleep(0.5)
        assert visitor.person.worker.wait(60)
    edit = visitor.person.session.edit
    assert edit.directions == () and edit.swaps == () and edit.symmetry == 0
    assert not [record.getMessage() for record in caplog.records if record.exc_info]
    assert "Traceback" not in "".join(capfd.readouterr())
    if SECONDS >= 20:
        assert memory() - half < MOST_GROWTH
    visitor.wire.close()
    end = time.monotonic() + 60
    while visitor.person in studio.people.values():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_two_visitors_have_heads_of_their_own_and_neither_waits_for_a_drag_of_the_other(studio):
    one, other = Visitor(studio), Visitor(studio)
    for visitor in (one, other):
        assert visitor.person.worker.wait(120)
    symmetry = next(own for label, own in one.controls.items() if label.startswith("Symmetry"))
    for step in range(50):
        one.set(symmetry, step / 50)
    theirs = next(own for label, own in other.controls.items() if label.startswith("Towards"))
    other.set(theirs, 0.5)
    time.sleep(0.5)
    for visitor in (one, other):
        assert visitor.person.worker.wait(120)
    assert one.person.session.edit.symmetry == 0.98
    assert one.person.session.edit.towards_mean == 0
    assert other.person.session.edit.towards_mean == 0.5
    assert other.person.session.edit.symmetry == 0
    assert [step.label for step in one.person.session.steps] == ["h", "Symmetry"]
    for visitor in (one, other):
        visitor.wire.close()


def test_a_network_that_knows_nothing_is_edited_too(libraries, caplog):
    studio = Studio(libraries["planes"])
    try:
        visitor = Visitor(studio)
        person = visitor.person
        assert person.worker.wait(120)

        def named(label: str) -> Any:
            return next(own for name, own in visitor.controls.items() if name.startswith(label))

        visitor.set(named("Direction 1"), 1.5)
        visitor.set(named("From"), "b")
        time.sleep(0.5)
        visitor.set(named("Swap"), True)
        time.sleep(0.5)
        assert person.worker.wait(120)
        assert person.session.edit.directions == (1.5,)
        assert [swap.head.name for swap in person.session.edit.swaps] == ["b"]
        visitor.set(named("Draw a head"), True)
        time.sleep(0.5)
        assert person.worker.wait(120)
        assert "no prior to draw from" in person.panel.status.content
        visitor.set(named("Rate"), 0)
        time.sleep(0.5)
        assert person.worker.wait(120)
        assert "this codec has one rate" in person.panel.status.content
        assert not [record.getMessage() for record in caplog.records if record.exc_info]
    finally:
        studio.stop()
