"""How large a head is as a mesh file, as six views and as each arm's latent."""

import statistics
from dataclasses import dataclass
from pathlib import Path

from hexplane.results import Results


@dataclass(frozen=True)
class Size:
    """Mean bytes over heads; `arm` is empty for what is no latent, which lacks raw and packed."""

    arm: str
    label: str
    raw: float | None
    stored: float
    packed: float | None = None


def sizes(results: Results) -> list[Size]:
    """Mesh file and views, then the latents; nothing where no head was measured."""
    heads = list(results.heads)
    if not heads:
        return []
    meshes = [_bytes(Path(results.paths.mesh.format(mesh=mesh))) for mesh in heads]
    views = [_bytes(Path(results.paths.hexplane.format(mesh=mesh))) for mesh in heads]
    found = [
        Size("", "normalised mesh, PLY", None, statistics.fmean(meshes)),
        Size("", "six views, Zarr", None, statistics.fmean(views)),
    ]
    for arm in results.arms:
        scores = [results.score(arm, mesh) for mesh in heads]
        if all("latent_bytes_stored" in score for score in scores):
            raw, stored, packed = (
                statistics.fmean(score[f"latent_bytes_{kind}"] for score in scores)
                for kind in ("raw", "stored", "packed")
            )
            found.append(Size(arm, arm, raw, stored, packed))
    return found


def _bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
