"""From a moved slider to a mesh in the browser: `python -m benchmarks.studio [MODEL...]`.

Without names the newest model of each kind of codec in results/ is measured.
"""

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from websockets.sync.client import connect
from websockets.sync.server import serve

from benchmarks.table import Figure, print_table
from hexplane.decoding import images_by_name
from hexplane.extraction import ScalarField, extract, fused, signed
from hexplane.plumbing.paths import RESULTS, WEIGHTS
from hexplane.settings.extract import ExtractSettings
from hexplane.studio.library import Library, models_in
from hexplane.studio.session import Session

MOVES = 40
TARGETS = {64: 100.0, 128: 300.0}
"""Milliseconds at so many voxels along a side: of a drag, and after its release."""
PARTS = ("decode", "fusion", "marching cubes", "transfer")


def measure() -> list[Figure]:
    """Each kind of codec at both sizes."""
    folders = newest_of_each_kind()
    if not folders:
        return [Figure("studio", None, None, note="run `make` first")]
    return [figure for folder in folders for figure in of_model(folder)]


def newest_of_each_kind() -> list[Path]:
    """Folders of models."""
    found: dict[str, Path] = {}
    for folder in sorted(models_in(Path(RESULTS)), key=lambda f: (f / WEIGHTS).stat().st_mtime):
        found[Library(folder).saved.settings.model.kind] = folder
    return [found[kind] for kind in sorted(found)]


def of_model(folder: Path) -> Iterator[Figure]:
    """Milliseconds of a model's parts on one core: the median, and the 95th percentile beside."""
    torch.set_num_threads(1)
    library = Library(folder)
    session = Session(library.space, library.first().head)
    with Wire() as wire:
        for resolution, target in TARGETS.items():
            rows = np.array([_moved(library, session, wire, resolution, k) for k in range(MOVES)])
            rows = 1000 * rows[2:]  # the first ones fill caches
            wall, own = rows[:, :-1], rows[:, -1]
            name = f"studio, {folder.name}, N = {resolution}"
            for part, values in zip(PARTS, wall.T, strict=True):
                if values.any():
                    yield Figure(f"{name}: {part}, ms", *_median(values))
            value, _, _, note = _median(wall.sum(axis=1))
            note += f"; {np.median(own):.0f} ms of the processor"
            yield Figure(f"{name}: slider to mesh, ms", value, target, note=note)


def _median(values: np.ndarray) -> tuple[float, None, bool, str]:
    return float(np.median(values)), None, False, f"95 %: {np.percentile(values, 95):.1f}"


@torch.no_grad()
def _moved(
    library: Library, session: Session, wire: "Wire", resolution: int, k: int
) -> tuple[float, ...]:
    """Seconds of each part of one move, and of the processor in all."""
    codec = library.saved.codec
    settings = ExtractSettings(resolution=resolution)
    busy = time.thread_time()
    times = [time.perf_counter()]
    if len(library.space.directions):
        session.preview(directions=session.direction(0, 2 * np.sin(k / 5)))
    else:
        session.preview(towards_mean=(k + 1) / (MOVES + 1))
    made: Any = codec.decode(session.replay.latent(session.edit)[None])
    images = images_by_name(codec.images(made)) if codec.decodes_images else {}
    field: ScalarField | None = None
    if not images:
        field = signed(codec.grid(made, resolution))
    times.append(time.perf_counter())
    if field is None:
        field = fused(images["coverage"], images.get("depth"), images.get("normal"), settings)
        times.append(time.perf_counter())
    else:
        times.append(times[-1])
    mesh = extract(field, settings).mesh
    times.append(time.perf_counter())
    busy = time.thread_time() - busy
    wire.send(
        np.asarray(mesh.vertices, dtype=np.float32).tobytes()
        + np.asarray(mesh.faces, dtype=np.uint32).tobytes()
    )
    times.append(time.perf_counter())
    return (*np.diff(times), busy)


class Wire:
    """A WebSocket on this machine, without compression, as viser's is."""

    def __enter__(self) -> "Wire":
        """Open it."""

        def echo(connection: Any) -> None:
            for message in connection:
                connection.send(str(len(message)))

        self._server = serve(echo, "127.0.0.1", 0, compression=None, max_size=None)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        port = self._server.socket.getsockname()[1]
        self._client = connect(f"ws://127.0.0.1:{port}", compression=None, max_size=None)
        return self

    def send(self, data: bytes) -> None:
        """Until it is there."""
        self._client.send(data)
        assert self._client.recv() == str(len(data))

    def __exit__(self, *error: object) -> None:
        """Close it."""
        self._client.close()
        self._server.shutdown()


if __name__ == "__main__":
    named = [Path(name) for name in sys.argv[1:]] or newest_of_each_kind()
    print_table([figure for folder in named for figure in of_model(folder)])
