"""Progress in plain lines, for terminals and log files alike."""

import sys
import time
from typing import SupportsFloat


class Progress:
    """Prints how far a training is, at most once in a few seconds."""

    def __init__(
        self, name: str, steps: int, every_seconds: float = 10.0, quiet: bool = False
    ) -> None:
        self.name = name
        self.quiet = quiet
        self.steps = steps
        self.every = every_seconds
        self.printed = 0.0
        self.first: tuple[int, float] | None = None

    def say(self, text: str) -> None:
        """Print one line about this training."""
        if not self.quiet:
            print(f"{self.name}: {text}", file=sys.stderr, flush=True)

    def update(self, step: int, loss: SupportsFloat) -> None:
        """Report a finished step, when the last report is long enough ago or it was the last."""
        now = time.monotonic()
        if self.first is None:
            self.first = (step, now)
        if now - self.printed < self.every and step < self.steps:
            return
        self.printed = now
        done, since = step - self.first[0], now - self.first[1]
        left = f", {_duration(since / done * (self.steps - step))} left" if done else ""
        share = 100 * step / self.steps
        self.say(f"step {step} of {self.steps} ({share:.0f} %), loss {float(loss):.4g}{left}")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
