"""Everything in a results folder, checked against its manifests."""

from pathlib import Path

from hexplane.errors import UserError
from hexplane.provenance import FORMAT, mismatches


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
        lines = mismatches(manifest)
        if lines:
            mistakes += lines
            broken.append(manifest)
    if mistakes:
        names = " ".join(str(path) for path in broken)
        mistakes.append(f"rebuild with: snakemake --cores all --forcerun {names}")
        raise UserError("\n".join(mistakes))
    return f"{len(manifests)} manifests verified, all files match"


def _is_manifest(path: Path) -> bool:
    if ".state" in path.parts or any(part.endswith(".zarr") for part in path.parts):
        return False
    return FORMAT in path.read_text(encoding="utf-8", errors="replace")[:200]
