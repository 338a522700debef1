"""Everything in a results folder, checked against its manifests."""

import re
from pathlib import Path

from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import sha256
from hexplane.plumbing.manifests import FORMAT, mismatches, read_manifest
from hexplane.plumbing.paths import RESULTS, Layout

_PLACES = [re.sub(r"\{\w+\}", "*", path) for path in Layout("*").manifests]
"""Places of manifests, with * for the study and names."""
_KINDS = {Path(place).parts[1] for place in _PLACES}
"""Folders of a study that hold manifests."""


def run(results: Path = Path(RESULTS)) -> str:
    """Hash every file that a manifest describes again, and name what does not match.

    Args:
        results: folder of all studies, or of one.

    Returns:
        One line that counts what was checked.

    Raises:
        UserError: one line for each file that is missing, altered or foreign, and the command
            that rebuilds them.
    """
    manifests = [path for path in sorted(results.rglob("*.json")) if _is_manifest(path)]
    if not manifests:
        raise UserError(f"{results}: no manifests here; run the workflow first")
    mistakes: list[str] = []
    broken: list[Path] = []
    for manifest in manifests:
        try:
            lines = mismatches(manifest)
        except UserError as error:
            lines = [str(error)]
        if lines:
            mistakes += lines
            broken.append(manifest)
    for file in _altered_since_the_reports(results):
        if not any(line.startswith(f"{file}: ") for line in mistakes):
            mistakes.append(f"{file}: altered, or rebuilt after the report")
            broken.append(file)
    if mistakes:
        studies: dict[Path, list[Path]] = {}
        for path in broken:
            studies.setdefault(_study_of(path, results), []).append(path)
        mistakes += [  # one command a study: it plans no other one's files
            "rebuild, with the run's own --configfile or --config if any: "
            f"snakemake --cores all --forcerun {' '.join(map(str, paths))}"
            for paths in studies.values()
        ]
        raise UserError("\n".join(mistakes))
    return f"{len(manifests)} manifests verified, all files match"


def _study_of(path: Path, results: Path) -> Path:
    """The study's folder that a file lies in; `results` may be it."""
    first = path.relative_to(results).parts[0]
    return results if first in _KINDS else results / first


def _is_manifest(path: Path) -> bool:
    if ".state" in path.parts or any(part.endswith(".zarr") for part in path.parts):
        return False
    # A damaged one is known by its place.
    return any(path.match(place) for place in _PLACES) or (
        FORMAT in path.read_text(encoding="utf-8", errors="replace")[:200]
    )


def _altered_since_the_reports(results: Path) -> list[Path]:
    """Tables, metrics, histories and diagnostics that are not what a report was made from."""
    pages = (Layout(folder).page_manifest for folder in (results, *sorted(results.glob("*"))))
    altered = []
    for page in (Path(name) for name in pages):
        try:
            report = read_manifest(page)
        except UserError:
            continue  # none there, or named already
        study = page.parents[1]
        files = report["inputs"] | report.get("tables", {})  # none in reports of older versions
        altered += [
            study / name
            for name, expected in files.items()
            if not (study / name).is_file() or sha256(study / name) != expected
        ]
    return altered
