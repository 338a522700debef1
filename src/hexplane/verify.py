"""Everything in a results folder, checked against its manifests."""

import re
from pathlib import Path

from hexplane import paths
from hexplane.errors import UserError
from hexplane.files import sha256
from hexplane.provenance import FORMAT, mismatches, read_manifest

_PLACES = [re.sub(r"\{\w+\}", "*", path.removeprefix("results/")) for path in paths.MANIFESTS]
"""Places of manifests in a results folder, with * for names."""


def verify_results(results: Path) -> str:
    """Re-hash all that the manifests under `results` describe.

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
    for file in _altered_since_the_report(results):
        if not any(line.startswith(f"{file}: ") for line in mistakes):
            mistakes.append(f"{file}: altered, or rebuilt after the report")
            broken.append(file)
    if mistakes:
        names = " ".join(str(path) for path in broken)
        mistakes.append(
            "rebuild, with the run's own --configfile or --config if any: "
            f"snakemake --cores all --forcerun {names}"
        )
        raise UserError("\n".join(mistakes))
    return f"{len(manifests)} manifests verified, all files match"


def _is_manifest(path: Path) -> bool:
    if ".state" in path.parts or any(part.endswith(".zarr") for part in path.parts):
        return False
    # A damaged one is known by its place.
    return any(path.match(place) for place in _PLACES) or (
        FORMAT in path.read_text(encoding="utf-8", errors="replace")[:200]
    )


def _altered_since_the_report(results: Path) -> list[Path]:
    """Tables, metrics, histories and diagnostics that are not what the report was made from."""
    try:
        report = read_manifest(results / paths.PAGE_MANIFEST.removeprefix("results/"))
    except UserError:
        return []  # none yet, or named already
    files = report["inputs"] | report.get("tables", {})  # none in reports of older versions
    return [
        results / name
        for name, expected in files.items()
        if not (results / name).is_file() or sha256(results / name) != expected
    ]
