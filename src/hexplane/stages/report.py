"""report: one page to read, figures of it, and one table over all metrics."""

import os
from pathlib import Path

from hexplane.files import sha256, write_text
from hexplane.provenance import Stage, manifest_path
from hexplane.report.arms import looks
from hexplane.report.figures import write_figures
from hexplane.report.gallery import shelves
from hexplane.report.page import build_page
from hexplane.report.results import Results
from hexplane.report.runs import run_rows, write_runs
from hexplane.report.summary import write_summary
from hexplane.report.verdict import decisive, groups, measures
from hexplane.specs.report import ReportSpec


def run(
    results: Path,
    page: Path,
    summary: Path,
    runs: Path,
    spec: ReportSpec,
    code: str | None = None,
) -> None:
    """Write the report on everything in the folder `results`, the tables, and their manifest.

    Figures of the page, `scores.svg`, `training.svg` and `heads.png`, go beside it.

    Raises:
        UserError: a file that the report needs is missing or cannot be read.
    """
    stage = Stage(__name__, spec.model_dump(mode="json"), code)
    found = Results(results, spec)
    write_summary(summary, found.scores)
    write_runs(runs, run_rows(found))
    pictures = shelves(found)
    write_text(page, build_page(found, pictures))
    columns = measures(found)
    decision = decisive(columns) if columns else None
    arm_looks = looks(found.experiments)
    figures = write_figures(page.parent, found, groups(found), decision, pictures, arm_looks)
    read = [found.metrics_path(score.experiment, score.mesh) for score in found.scores]
    read += [found.history_path(experiment) for experiment in found.experiments]
    read += [found.diagnostics_path(run) for run in spec.runs]
    stage.write_manifest(
        manifest_path(page),
        [page, *figures],
        inputs={path.relative_to(results).as_posix(): sha256(path) for path in read},
        tables={os.path.relpath(path, results): sha256(path) for path in (summary, runs)},
    )
