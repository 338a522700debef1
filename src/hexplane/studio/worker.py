"""One person's work, one thing after another: clicks in their order, of a drag only its end, and
what takes longest once nothing else is to be done."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

SETTLED = 0.2
"""Seconds without a change after which a drag counts as released."""
MOST_CLICKS = 8
"""Clicks that wait; who clicks faster than that is told so."""

Action = Callable[[], None]


class Worker:
    """A thread that does what is asked.

    Args:
        moved: called with what was set since the last call, the latest value of each name.
        settled: called once nothing was set for a while after that.
        failed: called with what any of these raised.
    """

    def __init__(
        self,
        moved: Callable[[dict[str, Any]], None],
        settled: Action,
        failed: Callable[[Exception], None],
    ) -> None:
        self._moved, self._settled, self._failed = moved, settled, failed
        self._wake = threading.Condition()
        self._values: dict[str, Any] = {}
        self._actions: deque[Action] = deque()
        self._last: Action | None = None
        self._release: float | None = None
        self._stopped = False
        self._busy = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def set(self, name: str, value: Any) -> None:
        """Of a slider; a value that was not looked at yet is forgotten."""
        with self._wake:
            self._values[name] = value
            self._wake.notify_all()

    def do(self, action: Action) -> bool:
        """Of a button; False, and nothing is done, where too many others wait."""
        with self._wake:
            if len(self._actions) >= MOST_CLICKS:
                return False
            self._actions.append(action)
            self._wake.notify_all()
            return True

    def later(self, action: Action) -> None:
        """Once nothing else waits; of several only the last."""
        with self._wake:
            self._last = action
            self._wake.notify_all()

    @property
    def waiting(self) -> bool:
        """Whether something was asked for that is not begun."""
        with self._wake:
            return bool(self._values or self._actions)

    def stop(self) -> None:
        """End after what is under way; what waits is dropped."""
        with self._wake:
            self._stopped = True
            self._values.clear()
            self._actions.clear()
            self._last = None
            self._wake.notify_all()

    def wait(self, seconds: float) -> bool:
        """Until all is done and settled; False where that takes longer."""
        with self._wake:
            return self._wake.wait_for(
                lambda: (
                    not (self._values or self._actions or self._release or self._last or self._busy)
                ),
                seconds,
            )

    def _run(self) -> None:
        while True:
            step = self._next()
            if step is None:
                return
            try:
                step()
            except Exception as error:
                self._failed(error)
            with self._wake:
                self._busy = False
                self._wake.notify_all()

    def _next(self) -> Action | None:
        """What is to be done now; None once it is over. Sliders are looked at before buttons:
        they were moved before these were clicked."""
        with self._wake:
            while not self._stopped:
                self._busy = True
                if self._values:
                    values, self._values = self._values, {}
                    self._release = time.monotonic() + SETTLED
                    return lambda: self._moved(values)
                if self._release is not None:
                    left = self._release - time.monotonic()
                    if left <= 0 or self._actions:
                        self._release = None
                        return self._settled
                elif self._actions:
                    return self._actions.popleft()
                elif self._last is not None:
                    last, self._last = self._last, None
                    return last
                else:
                    left = None
                self._busy = False
                self._wake.notify_all()
                self._wake.wait(left)
            return None
