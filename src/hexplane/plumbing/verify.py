"""Everything in a results folder, checked against its manifests, and they against one another."""

import re
import shlex
import shutil
import sys
from pathlib import Path

from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import sha256
from hexplane.plumbing.lineage import Lineage
from hexplane.plumbing.manifests import FORMAT, mismatches, own_digest, read_manifest
from hexplane.plumbing.paths import PAPER_MANIFEST, RESULTS, Layout

_PLACES = [re.sub(r"\{\w+\}", "*", path) for path in Layout("*").manifests]
"""Places of manifests, with * for the study and names."""
_KINDS = {Path(place).parts[1] for place in _PLACES}
"""Folders of a study that hold manifests."""
SNAKEFILE = Path(__file__).parents[3] / "Snakefile"
"""The workflow, where this package lies in its folder."""


def run(results: Path = Path(RESULTS)) -> str:
    """Hash every file that a manifest describes again, and name what does not match.

    Named are damages (what is missing, altered or foreign) and what is stale: made with other
    settings than planned, or from something else than is there now.

    Args:
        results: folder of all studies, or of one.

    Returns:
        One line that counts what was checked.

    Raises:
        UserError: one line for each file that is damaged or stale, and for each study the command
            that rebuilds them.
    """
    found = [path for path in sorted(results.rglob("*.json")) if _is_manifest(path)]
    studies: dict[Path, list[Path]] = {}
    for path in found:
        studies.setdefault(_study_of(path, results), []).append(path)
    for path in sorted(results.glob("*/plan/results.json")):  # all manifests may be gone
        studies.setdefault(path.parents[1], [])
    if not studies:
        raise UserError(f"{results}: no manifests here; run the workflow first")
    mistakes: list[str] = []
    remedies: list[str] = []
    for root, manifests in studies.items():
        lines, broken, lineage = _check(root, manifests)
        mistakes += lines
        remedies += _remedies(lineage, broken)
    if mistakes:
        raise UserError("\n".join(mistakes + remedies))
    return f"{len(found)} manifests verified, all files match"


def _check(root: Path, manifests: list[Path]) -> tuple[list[str], list[Path], Lineage]:
    """What is wrong with a study, one line each, and the files that have to be made again."""
    lines: list[str] = []
    broken: list[Path] = []
    sound = {}
    for path in manifests:
        try:
            manifest = read_manifest(path)
            wrong = mismatches(path)
            if manifest.get("digest", own_digest(manifest)) == own_digest(manifest):
                sound[path] = manifest
            else:
                wrong.append(f"{path}: altered")
        except UserError as error:
            wrong = [str(error)]
        if wrong:
            lines += wrong
            broken.append(path)
    lineage = Lineage(root, sound)
    for path in lineage.lost():
        lines.append(f"{path}: missing")
        broken.append(path)
    named = {line.partition(": ")[0] for line in lines}
    for file in _altered_since_the_report(root):
        if str(file) not in named:
            lines.append(f"{file}: altered, or rebuilt after the report")
            broken.append(file)
    for path in sound:
        if path not in broken and (why := lineage.staleness(path)):
            lines.append(f"{path}: stale, {why}")
            broken.append(path)
    return lines, broken, lineage


def _remedies(lineage: Lineage, broken: list[Path]) -> list[str]:
    """The command that makes files of a study again, for any folder's shell."""
    unplanned = [path for path in broken if lineage.planned and not lineage.makes(path)]
    gone = "no part of the study as it is planned now: remove it and what it describes"
    lines = [f"{path}: {gone}" for path in unplanned]
    targets = [lineage.target(path) for path in broken if path not in unplanned]
    if targets:
        command = [_snakemake(lineage.folder), "--cores", "all"]
        if not (lineage.folder / "Snakefile").exists() and SNAKEFILE.exists():
            command += ["--snakefile", str(SNAKEFILE)]
        if lineage.config.exists():
            command += ["--configfile", lineage.target(lineage.config)]
        said = "rebuild"
        if not lineage.config.exists():
            said += ", with the run's own --configfile or --config if any"
        folder = shlex.quote(str(lineage.folder))
        made_again = shlex.join([*command, "--forcerun", *targets])
        lines.append(f"{said}: cd {folder} && {made_again}")
    return lines


def _snakemake(folder: Path) -> str:
    """Snakemake as it is called in a folder."""
    own = Path(".venv/bin/snakemake")
    if (folder / own).exists():
        return str(own)
    beside = Path(sys.executable).with_name("snakemake")
    return str(beside) if beside.exists() else shutil.which("snakemake") or "snakemake"


def _study_of(path: Path, results: Path) -> Path:
    """The study's folder that a file lies in; `results` may be it."""
    first = path.relative_to(results).parts[0]
    return results if first in _KINDS else results / first


def _is_manifest(path: Path) -> bool:
    if ".state" in path.parts or any(part.endswith(".zarr") for part in path.parts):
        return False
    # A damaged one is known by its place.
    return any(path.match(place) for place in (*_PLACES, PAPER_MANIFEST)) or (
        FORMAT in path.read_text(encoding="utf-8", errors="replace")[:200]
    )


def _altered_since_the_report(study: Path) -> list[Path]:
    """Tables, metrics, histories and diagnostics that are not what a report was made from."""
    try:
        report = read_manifest(Path(Layout(study).page_manifest))
    except UserError:
        return []  # none there, or named already
    files = report["inputs"] | report.get("tables", {})  # none in reports of older versions
    return [
        study / name
        for name, expected in files.items()
        if not (study / name).is_file() or sha256(study / name) != expected
    ]
