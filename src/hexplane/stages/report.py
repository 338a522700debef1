"""report: one page to read, figures of it, and tables over all metrics and runs."""

import os
import sys
from pathlib import Path

from hexplane.analysis import machine
from hexplane.analysis.classical import write_classical
from hexplane.analysis.rates import write_rates
from hexplane.analysis.runs import write_runs
from hexplane.analysis.snapshots import write_snapshots
from hexplane.analysis.study import Study
from hexplane.analysis.summary import write_summary
from hexplane.plumbing.claims import claim
from hexplane.plumbing.files import sha256, write_text
from hexplane.plumbing.manifests import Job, manifest_path
from hexplane.report.charts.figures import FIGURES, write_figures
from hexplane.report.charts.looks import looks
from hexplane.report.page import build_page
from hexplane.report.pictures.gallery import shelves
from hexplane.results import Results
from hexplane.settings.report import ReportSettings


def run(
    results: Path,
    page: Path,
    summary: Path,
    runs: Path,
    settings: ReportSettings,
    code: str | None = None,
    *,
    rates: Path | None = None,
    classical: Path | None = None,
    snapshots: Path | None = None,
    force: bool = False,
) -> None:
    """Write the page and the tables over all metrics and runs.

    Figures of the page, `scores.svg`, `training.svg` and `heads.png`, go beside it, and a manifest.

    Args:
        results: the study's folder.
        page: the page, one HTML file.
        summary: table of all metrics, CSV.
        runs: table of all runs, CSV.
        settings: which arm is judged by which oracle on which heads.
        code: code digest that the workflow planned with.
        classical: table of classical methods, CSV, where those were measured.
        rates: table of all methods over file sizes, CSV, where those were measured.
        snapshots: table of what trainings decoded as they went, CSV, where they did.
        force: replace files that hexplane did not write, too.

    Raises:
        UserError: a file that the report needs is missing or cannot be read.
    """
    job = Job(__name__, settings, code)
    figures = [page.with_name(name) for name in FIGURES]
    tables = [
        summary,
        runs,
        *(table for table in (rates, classical, snapshots) if table is not None),
    ]
    claim(manifest_path(page), [page, *tables, *figures], force)
    found = Results(results, settings)
    study = Study(found)
    write_summary(summary, found.scores)
    write_runs(runs, study.rows)
    if rates is not None:
        write_rates(rates, found)
    if classical is not None:
        write_classical(classical, found)
    if snapshots is not None:
        write_snapshots(snapshots, found)
    pictures = shelves(study)
    write_text(page, build_page(study, pictures))
    write_figures(page.parent, study, pictures, looks(found.arms))
    read = [found.metrics_path(score.method, score.mesh) for score in found.scores]
    read += [found.history_path(run) for run in (settings.runs if snapshots else found.arms)]
    read += [found.rate_path(method, mesh) for method, mesh in found.rate_points]
    read += [found.classical_path(source, mesh) for source, mesh in found.classical]
    read += [found.diagnostics_path(run) for run in settings.runs]
    read += [found.novelty_path(arm) for arm in settings.drawn]
    job.write_manifest(
        manifest_path(page),
        [page, *figures],
        inputs={path.relative_to(results).as_posix(): sha256(path) for path in read},
        tables={os.path.relpath(path, results): sha256(path) for path in tables},
        made={"commit": machine.commit(), "machine": machine.machine()},
    )
    print(f"The report is {page.resolve()}", file=sys.stderr)
