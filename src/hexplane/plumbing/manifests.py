"""What a result was made from: manifests, and their verification.

A manifest stands beside what it describes and holds the stage's settings and code digest, the
hash of each file written (for Zarr, of each chunk), library versions, the seconds spent, by the
clock and of CPU time, the largest resident memory, and a digest of all that.
"""

import importlib.metadata
import json
import math
import platform
import resource
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from hexplane import __version__
from hexplane.plumbing.digests import code_digest, digest
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import read_json, sha256, tree_hashes, write_json
from hexplane.plumbing.settings import Settings

FORMAT = "hexplane manifest 1"

S = TypeVar("S", bound=Settings)


class Job:
    """One run of a stage: checks the code it was asked for, times itself, writes the manifest."""

    def __init__(
        self,
        module: str,
        settings: Settings | None,
        expected_code: str | None = None,
        chosen: tuple[str, ...] = (),
    ):
        """Start the clock.

        Args:
            module: dotted name of the stage's module.
            settings: what the stage reads; None where it reads none.
            expected_code: code digest that the workflow saw when it planned the job.
            chosen: dotted names of the modules that settings choose.

        Raises:
            UserError: the source has changed since then.
        """
        self.name = module.rsplit(".", 1)[-1]
        self.spec = {} if settings is None else settings.model_dump(mode="json")
        self.code = code_digest(module, chosen)
        expected_code = expected_code and expected_code.removeprefix("code:")
        self.started = time.perf_counter()
        self.cpu_started = time.process_time()
        if expected_code is not None and expected_code != self.code:
            raise UserError(
                f"{self.name}: the source changed while the job waited "
                f"(planned {expected_code}, found {self.code}); start the workflow again"
            )

    def settled(self, settings: S) -> S:
        """Settings as they turned out, which the manifest names in the place of those asked for."""
        self.spec = settings.model_dump(mode="json")
        return settings

    def write_manifest(
        self,
        path: Path,
        outputs: list[Path],
        inputs: dict[str, str] | None = None,
        **facts: Any,
    ) -> None:
        """Write the manifest of files and folders that stand beside it.

        Args:
            path: the manifest; every output lies in the same folder.
            outputs: what the stage wrote.
            inputs: content digests of what it read, by name.
            facts: whatever else describes the result; numbers that are not finite become null.
        """
        files: dict[str, str] = {}
        for output in outputs:
            files |= tree_hashes(output)
        manifest = {
            "format": FORMAT,
            "stage": self.name,
            "spec": self.spec,
            "code": self.code,
            "inputs": inputs or {},
            **_finite(facts),
            "content": digest(files),
            "files": files,
            "versions": versions(),
            "seconds": round(time.perf_counter() - self.started, 3),
            "cpu_seconds": round(time.process_time() - self.cpu_started, 3),
            "peak_mb": round(_peak_memory() / 1e6),
        }
        write_json(path, {**manifest, "digest": own_digest(manifest)})


def own_digest(manifest: dict[str, Any]) -> str:
    """Digest of all that a manifest says, as it is read from its file."""
    said = {key: value for key, value in manifest.items() if key != "digest"}
    return digest(json.loads(json.dumps(said)))


def _finite(value: Any) -> Any:
    """JSON values with None for NaN and infinity, which a diverged network leaves."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _peak_memory() -> int:
    """Largest resident size of this process so far, bytes; pages shared with others count."""
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024


_LIBRARIES = (
    *("numpy", "trimesh", "zarr", "embreex", "nvdiffrast"),
    *("libigl", "scikit-image", "torch", "anny"),
)


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that shape results, as installed."""
    found = {"python": platform.python_version(), "hexplane": __version__}
    return found | {name: _version(name) for name in _LIBRARIES}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def read_manifest(path: Path) -> dict[str, Any]:
    """A manifest's content.

    Raises:
        UserError: the file is missing or is no manifest.
    """
    if not path.exists():
        raise UserError(f"{path}: no such manifest")
    try:
        manifest = read_json(path)
    except UserError:
        raise UserError(f"{path}: not a readable manifest") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise UserError(f"{path}: not a manifest of this version ({FORMAT!r})")
    sound = isinstance(manifest.get("content"), str) and all(
        isinstance(manifest.get(key), dict)
        and all(isinstance(value, str) for value in manifest[key].values())
        for key in ("files", "inputs")
    )
    if not sound or not isinstance(manifest.get("tables", {}), dict):
        raise UserError(f"{path}: not a readable manifest (content, files or inputs are damaged)")
    return manifest


NO_MANIFEST = (".hxl",)
"""Files that say themselves what they are: a JSON file beside one is somebody else's."""


def manifest_path(output: Path) -> Path:
    """Where the manifest of an output stands: mesh.json for a mesh, name.manifest.json else."""
    if output.suffix == ".zarr":
        return output.with_suffix(".manifest.json")
    return output.with_suffix(".json")


def recorded(output: Path, fact: str) -> Any:
    """A fact in the manifest beside an output; None where it has none, or came without one."""
    beside = manifest_path(output)
    return read_manifest(beside).get(fact) if beside.is_file() else None


def content_digest(output: Path) -> str:
    """Digest of a stage's only output: equal data, equal digest.

    From the manifest beside it; from its own files when it came without one.

    Raises:
        UserError: neither is there, or the manifest is damaged.
    """
    beside = manifest_path(output)
    if output.exists() and (output.suffix in NO_MANIFEST or not beside.exists()):
        return digest(tree_hashes(output))
    return str(read_manifest(beside)["content"])


def mismatches(manifest_path: Path) -> list[str]:
    """One line for each file of a manifest that is missing, altered or was never written."""
    manifest = read_manifest(manifest_path)
    folder = manifest_path.parent
    listed: dict[str, str] = manifest["files"]
    lines = []
    for name, expected in listed.items():
        file = folder / name
        if not file.is_file():
            lines.append(f"{file}: missing")
        elif sha256(file) != expected:
            lines.append(f"{file}: altered")
    for root in sorted({name.split("/")[0] for name in listed if "/" in name}):
        for name in tree_hashes(folder / root) if (folder / root).is_dir() else {}:
            if name not in listed:
                lines.append(f"{folder / name}: not written by the workflow")
    return lines
