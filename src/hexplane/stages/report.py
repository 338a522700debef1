"""report: one page to read, and one table over all metrics."""

from pathlib import Path

from hexplane.files import sha256, write_text
from hexplane.provenance import Stage, manifest_path
from hexplane.report.page import build_page
from hexplane.report.results import Results
from hexplane.report.runs import run_rows, write_runs
from hexplane.report.summary import write_summary
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

    Raises:
        UserError: a file that the report needs is missing or cannot be read.
    """
    stage = Stage(__name__, spec.model_dump(mode="json"), code)
    found = Results(results, spec)
    write_summary(summary, found.scores)
    write_runs(runs, run_rows(found))
    write_text(page, build_page(found))
    read = [found.metrics_path(score.experiment, score.mesh) for score in found.scores]
    read += [found.history_path(experiment) for experiment in found.experiments]
    read += [found.diagnostics_path(run) for run in spec.runs]
    stage.write_manifest(
        manifest_path(page),
        [page],
        inputs={path.relative_to(results).as_posix(): sha256(path) for path in read},
        summary=sha256(summary),
        runs=sha256(runs),
    )
