"""What each stage took: its own seconds, and time and memory as Snakemake measured them."""

import csv
from dataclasses import dataclass, field
from pathlib import Path

from hexplane.report.results import Results

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
        peaks: greatest resident memory of each such job, MB; short jobs may have none.
    """

    name: str
    jobs: int = 0
    seconds: float = 0.0
    walls: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)


def stage_costs(results: Results) -> list[Cost]:
    """Costs by stage, in the order of the workflow.

    Benchmark files are optional: where a stage has none, `walls` and `peaks` are empty.
    """
    found: dict[str, Cost] = {}
    for manifest in results.manifests:
        cost = found.setdefault(name := str(manifest.get("stage", "?")), Cost(name))
        cost.jobs += 1
        cost.seconds += float(manifest.get("seconds") or 0)
    known = {*results.spec.runs, *results.experiments, *results.oracles}
    known |= {mesh for part in results.spec.split.values() for mesh in part}
    folder = results.root / "benchmarks"
    for name, cost in found.items():
        for path in sorted((folder / name).rglob("*.tsv")):
            # Files of arms and meshes that the configuration no longer has stay on disk.
            if known >= set(path.relative_to(folder / name).with_suffix("").parts):
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
        for column, values in (("s", cost.walls), ("max_rss", cost.peaks)):
            try:
                values.append(float(row[column]))
            except (KeyError, TypeError, ValueError):  # "NA": over before it was looked at
                continue
