"""The training log: rows kept in the checkpoint, exported as CSV and TensorBoard events."""

from pathlib import Path

from hexplane.plumbing.files import replacing
from hexplane.plumbing.tables import write_table

HistoryRow = dict[str, float]
EVENTS = "events.out.tfevents.0.hexplane"
"""TensorBoard knows its files by such a name."""


def write_csv(path: Path, rows: list[HistoryRow]) -> None:
    """One line a logged step; columns in the order of their first appearance."""
    write_table(path, [{name: _short(value) for name, value in row.items()} for row in rows])


def write_tensorboard(folder: Path, rows: list[HistoryRow]) -> None:
    """The same rows as TensorBoard events."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    events = [Event(wall_time=0.0, file_version="brain.Event:2")]
    for row in rows:
        values = [
            Summary.Value(tag=_tag(name), simple_value=value)
            for name, value in row.items()
            if name not in ("step", "seconds")
        ]
        summary = Summary(value=values)
        events.append(Event(wall_time=row["seconds"], step=int(row["step"]), summary=summary))
    with replacing(folder) as temporary:
        temporary.mkdir()
        # TensorBoard's own writer works in a thread, which loses what a full disk does not take.
        with (temporary / EVENTS).open("wb") as stream:
            writer = RecordWriter(stream)
            for event in events:
                writer.write(event.SerializeToString())


def _tag(name: str) -> str:
    part, _, rest = name.partition("_")
    return f"validation/{rest}" if part == "validation" else f"train/{name}"


def _short(value: float) -> str:
    return f"{value:.7g}"
