"""A person's thread: drags coalesce, clicks do not, and mistakes end nothing."""

import threading
import time

from hexplane.studio.worker import MOST_CLICKS, Worker


class Told:
    """A worker, and what it was told, in order."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.go = threading.Event()
        self.go.set()
        self.worker = Worker(self.moved, lambda: self.calls.append("settled"), self.failed)

    def moved(self, values: dict[str, object]) -> None:
        self.go.wait(30)
        self.calls.append(values)

    def failed(self, error: Exception) -> None:
        self.calls.append(str(error))


def test_of_a_drag_only_the_last_value_waits():
    told = Told()
    told.go.clear()
    told.worker.set("a", 0)
    time.sleep(0.1)  # it is taken
    for value in range(1, 100):
        told.worker.set("a", value)
        told.worker.set("b", -value)
    told.go.set()
    assert told.worker.wait(30)
    assert told.calls == [{"a": 0}, {"a": 99, "b": -99}, "settled"]


def test_clicks_are_all_done_in_order_and_after_what_was_moved_before():
    told = Told()
    told.worker.set("a", 1)
    for value in range(3):
        told.worker.do(lambda value=value: told.calls.append(value))
    assert told.worker.wait(30)
    assert told.calls == [{"a": 1}, "settled", 0, 1, 2]


def test_what_fails_is_told_and_the_next_thing_is_done():
    told = Told()

    def broken() -> None:
        raise ValueError("no")

    told.worker.do(broken)
    told.worker.do(lambda: told.calls.append("next"))
    assert told.worker.wait(30)
    assert told.calls == ["no", "next"]


def test_once_stopped_nothing_more_is_done():
    told = Told()
    told.worker.stop()
    told.worker.do(lambda: told.calls.append("late"))
    time.sleep(0.2)
    assert told.calls == []


def test_what_takes_long_is_done_once_and_last():
    told = Told()
    told.go.clear()
    told.worker.set("a", 0)
    time.sleep(0.1)  # it is taken
    for value in range(3):
        told.worker.later(lambda value=value: told.calls.append(value))
        told.worker.do(lambda: told.calls.append("click"))
    told.go.set()
    assert told.worker.wait(30)
    assert told.calls == [{"a": 0}, "settled", "click", "click", "click", 2]


def test_clicks_that_come_too_fast_are_refused():
    told = Told()
    told.go.clear()
    told.worker.set("a", 0)
    time.sleep(0.1)  # it is taken
    taken = [told.worker.do(lambda: told.calls.append("click")) for _ in range(MOST_CLICKS + 2)]
    assert taken == [True] * MOST_CLICKS + [False] * 2
    told.go.set()
    assert told.worker.wait(30)
    assert told.calls.count("click") == MOST_CLICKS
