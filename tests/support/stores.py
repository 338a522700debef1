"""A store and its manifest, as a stage would write them."""

from pathlib import Path
from typing import Any

import numpy as np

from hexplane.plumbing.manifests import FORMAT, Job, manifest_path
from hexplane.settings.distances import DistancesSettings
from hexplane.store import write_samples

BARE: dict[str, Any] = {"format": FORMAT, "content": "-", "files": {}, "inputs": {}}
"""A manifest without facts."""


def stored_samples(folder: Path, value: float, seconds: float = 0.0, **settings: Any) -> Path:
    """The manifest of `ada.zarr`, with all points at `value`, after so many seconds of work."""
    folder.mkdir(parents=True, exist_ok=True)
    job = Job("hexplane.stages.distances", DistancesSettings(**settings))
    job.started -= seconds
    output = folder / "ada.zarr"
    write_samples(output, np.full((4, 3), value, "f4"), np.full(4, 2.0, "f4"))
    manifest = manifest_path(output)
    job.write_manifest(manifest, [output], inputs={"mesh": "m"}, note="n")
    return manifest
