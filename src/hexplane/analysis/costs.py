"""What each stage took: its own seconds and memory, and the time that Snakemake measured."""

import csv
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hexplane.results import Results
from hexplane.settings.rates import RIVALS

PAGE_STAGE = "report"
"""The stage that writes the page: it is not over yet."""


@dataclass
class Cost:
    """One stage over all its jobs.

    Attributes:
        name: the stage.
        jobs: finished jobs, by their manifests.
        seconds: spent inside the stage, by its manifests.
        walls: seconds of each job that has a benchmark file, start-up included.
        peak_mb: greatest resident memory of any job, by its manifests; 0 when none tells.
    """

    name: str
    jobs: int = 0
    seconds: float = 0.0
    walls: list[float] = field(default_factory=list)
    peak_mb: float = 0.0


def stage_costs(results: Results) -> list[Cost]:
    """Costs by stage, in the order of the workflow.

    Benchmark files are optional: where a stage has none, `walls` is empty. Only wall times are
    taken from them: CPU time and memory of jobs that share an interpreter are their clients'.
    """
    found: dict[str, Cost] = {}
    for manifest in results.manifests:
        cost = found.setdefault(name := str(manifest.get("stage", "?")), Cost(name))
        cost.jobs += 1
        cost.seconds += float(manifest.get("seconds") or 0)
        cost.peak_mb = max(cost.peak_mb, float(manifest.get("peak_mb") or 0))
    known = {*results.settings.runs, *results.arms, *results.oracles, *RIVALS}
    known |= {*results.settings.reconstructed}
    known |= {mesh for group in results.settings.groups.values() for mesh in group}
    for name, cost in found.items():
        for pattern in (results.paths.benchmark, results.paths.client_benchmark):
            folder = Path(pattern(name, "*")).parent
            for path in sorted(folder.rglob("*.tsv")):
                # Files of arms and meshes that the configuration no longer has stay on disk.
                if known >= set(path.relative_to(folder).with_suffix("").parts):
                    _add(cost, path)
    found.pop(PAGE_STAGE, None)
    return list(found.values())


def _add(cost: Cost, path: Path) -> None:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t"))
    except (OSError, ValueError):
        return
    for row in rows:
        with suppress(KeyError, TypeError, ValueError):  # "NA": over before it was looked at
            cost.walls.append(float(row["s"]))
