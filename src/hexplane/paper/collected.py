"""What is known of each study: from its results, or else from figures of a full run."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hexplane.analysis.abridged import abridged
from hexplane.analysis.trajectories import patterns, read_trajectories
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import read_json
from hexplane.plumbing.paths import Layout

FORMAT = "hexplane paper 1"
DATA = "studies.json"
"""Name of the committed figures: a `data.json` that a paper was once made of."""


def collected(studies: Iterable[str], results: Path, committed: Path) -> dict[str, Any]:
    """Each study abridged, by its name.

    Finished results are taken first, `committed/studies.json` where there are none, and with it the
    snapshots in `committed/{study}.csv`. A study that was neither run nor committed is left out.

    Args:
        studies: names.
        results: folder of all studies.
        committed: folder of the figures of full runs.

    Raises:
        UserError: a file is damaged, or nothing is known of any study.
    """
    kept = _committed(committed / DATA)
    found: dict[str, Any] = {}
    for name in studies:
        if Path(Layout(results / name).page_manifest).is_file():
            found[name] = abridged(results / name)
            continue
        own, table = kept.get(name), committed / f"{name}.csv"
        if own is not None:
            found[name] = {**own, "taken_from": str(committed / DATA)}
        if table.is_file():
            about = {"source": str(table), **found.get(name, {}), "taken_from": str(table)}
            found[name] = about | {"trajectories": read_trajectories(table)}
    for own in found.values():
        if own.get("trajectories"):
            own["patterns"] = patterns(own["trajectories"])
    if not found:
        raise UserError(
            f"{results}: no finished study in it, and no figures of one in {committed} "
            "(a run of snakemake makes a study)"
        )
    return found


def read_files(studies: Iterable[str], results: Path, committed: Path) -> dict[str, Path]:
    """The files that `collected` begins with, by their names in the manifest."""
    reports = {name: Path(Layout(results / name).page_manifest) for name in studies}
    named = {f"report/{name}": path for name, path in reports.items()}
    tables = [committed / DATA, *(committed / f"{name}.csv" for name in studies)]
    named |= {f"committed/{path.name}": path for path in tables}
    return {name: path for name, path in named.items() if path.is_file()}


def _committed(path: Path) -> dict[str, Any]:
    """Studies in a file of the paper's data; none where there is no file."""
    if not path.exists():
        return {}
    value = read_json(path)
    studies = value.get("studies") if isinstance(value, dict) else None
    if not isinstance(studies, dict) or value.get("format") != FORMAT:
        raise UserError(f"{path}: not the data of a paper of this version ({FORMAT!r})")
    if not all(isinstance(own, dict) for own in studies.values()):
        raise UserError(f"{path}: a study in it is no mapping")
    return studies
