"""How near a codec comes to a head, file size by file size."""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import trimesh

from hexplane.metrics.comparison import Comparison
from hexplane.metrics.table import f_score, metrics_at

NAMES = ("empty", "chamfer_l1", "normal_consistency", "watertight", "components")
"""What is measured at each size, besides the F-scores: metrics of surfaces, not of volumes."""


class Coded(NamedTuple):
    """A file's bytes, and the seconds that it took to make them."""

    data: bytes
    seconds: float


def compare_surfaces(
    reconstruction: trimesh.Trimesh,
    target: trimesh.Trimesh,
    samples: int,
    thresholds: Sequence[float],
    seed: int,
) -> dict[str, Any]:
    """Some metrics of `hexplane.metrics.table` by name: `NAMES`, and the F-scores.

    The values are those of `hexplane.metrics.comparison.compare`, in a fraction of its time.
    """
    comparison = Comparison(reconstruction, target, samples, seed)
    wanted = {*NAMES, *map(f_score, thresholds)}
    return {
        metric.name: metric.of(comparison)
        for metric in metrics_at(thresholds)
        if metric.name in wanted
    }


def over_budgets(
    budgets: Sequence[int],
    encode: Callable[[int], Coded | None],
    decode: Callable[[bytes], trimesh.Trimesh],
    measure: Callable[[trimesh.Trimesh], dict[str, Any]],
) -> tuple[list[dict[str, Any]], dict[int, trimesh.Trimesh]]:
    """A codec's files of at most so many bytes, decoded and measured.

    Args:
        budgets: bytes, ascending.
        encode: the best file of at most so many bytes; None where there is none as small.
        decode: a file's mesh.
        measure: a mesh's metrics.

    Returns:
        Points, one for each file that is another than that of the next smaller budget; and the
        mesh within each budget, without faces where no file is as small.
    """
    points: list[dict[str, Any]] = []
    meshes: dict[int, trimesh.Trimesh] = {}
    made, before = trimesh.Trimesh(), b""
    for budget in budgets:
        coded = encode(budget)
        if coded is not None and coded.data != before:
            started = time.perf_counter()
            made = decode(coded.data)
            decoding = time.perf_counter() - started
            before = coded.data
            points.append(
                {
                    "budget": budget,
                    "bytes": len(coded.data),
                    "encode_seconds": round(coded.seconds, 4),
                    "decode_seconds": round(decoding, 4),
                    "metrics": measure(made),
                }
            )
        meshes[budget] = made
    return points, meshes
