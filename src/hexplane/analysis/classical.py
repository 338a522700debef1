"""Classical methods beside each other: means over objects, and the table of all."""

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hexplane.analysis.rates import family_title
from hexplane.plumbing.tables import write_table
from hexplane.results import Results


@dataclass(frozen=True)
class MethodRow:
    """A method's measures of one object, or their means over several.

    Attributes:
        source: the rendered views, or the arm that decoded them.
        method: what made the mesh.
        vertices, faces, milliseconds, draco_bytes: of the mesh.
        hausdorff_share: the greatest distance by the diagonal; of several objects the greatest.
        chamfer: None where some mesh is empty, as is hausdorff_share.
        closed: how many of the meshes are.
    """

    source: str
    method: str
    vertices: float
    faces: float
    hausdorff_share: float | None
    chamfer: float | None
    closed: int
    milliseconds: float
    draco_bytes: float


@dataclass(frozen=True)
class MethodTable:
    """Methods on one solid, or on all heads of a kind."""

    title: str
    count: int
    rows: list[MethodRow]


def tables(results: Results) -> list[MethodTable]:
    """Each solid by itself, then heads of each kind together."""
    found = results.classical
    if not found:
        return []
    meshes = list(dict.fromkeys(mesh for _, mesh in found))
    parts = {mesh: [mesh] for mesh in meshes if mesh in results.settings.solids}
    for mesh in meshes:
        if mesh not in parts:
            parts.setdefault(family_title(results.heads[mesh]), []).append(mesh)
    sources = list(dict.fromkeys(source for source, _ in found))
    made = []
    for title, own in parts.items():
        rows = []
        for source in sources:
            for method in found[source, own[0]]:
                measured = [found[source, mesh].get(method) for mesh in own]
                whole = [each for each in measured if each is not None]
                if len(whole) == len(own):
                    rows.append(_row(source, method, whole))
        made.append(MethodTable(title, len(own), rows))
    return made


def _row(source: str, method: str, measured: list[dict[str, Any]]) -> MethodRow:
    def mean(name: str) -> float:
        return statistics.fmean(own[name] for own in measured)

    whole = all(own["chamfer_l1"] is not None for own in measured)
    return MethodRow(
        source,
        method,
        mean("vertices"),
        mean("faces"),
        max(own["hausdorff_share"] for own in measured) if whole else None,
        mean("chamfer_l1") if whole else None,
        sum(own["closed"] for own in measured),
        1000 * mean("seconds"),
        mean("draco_bytes"),
    )


def write_classical(path: Path, results: Results) -> None:
    """Write every measure as CSV; infinite distances read `inf`."""
    write_table(
        path,
        [
            {"source": source, "mesh": mesh, "split": results.heads[mesh], "method": method}
            | {name: "inf" if value is None else value for name, value in measured.items()}
            for (source, mesh), methods in results.classical.items()
            for method, measured in methods.items()
        ],
    )
