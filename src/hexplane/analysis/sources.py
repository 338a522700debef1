"""What had to be done to the meshes that came in, and how much of them six views show."""

from dataclasses import dataclass
from pathlib import Path

from hexplane.plumbing.manifests import recorded
from hexplane.results import Results

UNSEEN = 0.05
"""Share of a surface above which it is said that no view sees it."""


@dataclass(frozen=True)
class Source:
    """One mesh as it came in.

    Attributes:
        mesh: its name.
        openings: how many were closed.
        closed_share: share of the solid's area that closes them.
        doubled: faces that were left out because another one has the same corners.
        turned: faces that were turned outwards.
        unseen: share of the solid's surface that no view sees.
        hint: why it may not stand upright, or nothing.
    """

    mesh: str
    openings: int
    closed_share: float
    doubled: int
    turned: int
    unseen: float
    hint: str


def sources(results: Results) -> list[Source]:
    """All meshes of the study, as their manifests tell."""
    found = []
    for mesh in (name for group in results.settings.groups.values() for name in group):
        solid = Path(results.paths.mesh.format(mesh=mesh))
        views = Path(results.paths.hexplane.format(mesh=mesh))
        seen = recorded(views, "seen_share")
        found.append(
            Source(
                mesh,
                int(recorded(solid, "openings") or 0),
                float(recorded(solid, "closed_share") or 0.0),
                int(recorded(solid, "doubled_faces") or 0),
                int(recorded(solid, "turned_faces") or 0),
                0.0 if seen is None else 1 - float(seen),
                str(recorded(solid, "hint") or ""),
            )
        )
    return found
