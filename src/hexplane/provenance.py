"""What a result was made from: code digests, manifests, and their verification.

A manifest stands beside what it describes and holds the stage's settings and code digest, the
hash of each file written (for Zarr, of each chunk), library versions, the seconds spent, by the
clock and of CPU time, and the largest resident memory.
"""

import ast
import hashlib
import importlib.metadata
import json
import math
import platform
import resource
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

from hexplane import __version__
from hexplane.errors import UserError
from hexplane.files import sha256, tree_hashes, write_json

FORMAT = "hexplane manifest 1"
PACKAGE = Path(__file__).parent


def canonical_json(value: Any) -> str:
    """The one spelling of a JSON value: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any) -> str:
    """Short SHA-256 of a JSON value in its canonical spelling."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


@cache
def code_digest(module: str) -> str:
    """Digest of a module and all it imports from this package, directly or not.

    Taken from the syntax trees without docstrings, so that neither a comment nor formatting
    changes it. Imports inside functions count.

    Args:
        module: dotted name, for example "hexplane.stages.render".
    """
    parts: dict[str, str] = {}
    for name in import_closure(module):
        source = _source(name)
        _, parts[name] = _parsed(source)
        if source.name == "__init__.py":  # what lies in a package belongs to it: templates, styles
            data = (f for f in source.parent.iterdir() if f.is_file() and f.suffix != ".py")
            parts |= {f"{name}/{file.name}": sha256(file) for file in data}
    return digest(parts)


def code_digest_now(module: str) -> str:
    """`code_digest` of the files as they are now, which is kept from here on."""
    for kept in (code_digest, _parsed):
        kept.cache_clear()
    return code_digest(module)


def import_closure(module: str) -> set[str]:
    """Dotted names of the package's modules that importing `module` can load, itself included."""
    closure: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in closure:
            continue
        closure.add(name)
        parts = name.split(".")
        waiting += [".".join(parts[:i]) for i in range(1, len(parts))]  # packages run as well
        waiting += _parsed(_source(name))[0]
    return closure


def _source(module: str) -> Path:
    base = PACKAGE.parent.joinpath(*module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


@cache
def _parsed(path: Path) -> tuple[list[str], str]:
    """Dotted names of the package's modules that a file imports, and its fingerprint."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    imported: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from package import name` loads a module when `name` is one.
            imported += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # Bare strings are docstrings, wherever they stand: they change nothing that runs.
            kept = [
                item
                for item in body
                if not (
                    isinstance(item, ast.Expr)
                    and isinstance(item.value, ast.Constant)
                    and isinstance(item.value.value, str)
                )
            ]
            setattr(node, "body", kept)  # noqa: B010 (a node's type is not known here)
    own = [
        name
        for name in dict.fromkeys(imported)
        if name.split(".")[0] == PACKAGE.name and _source(name).is_file()
    ]
    return own, hashlib.sha256(ast.dump(tree).encode()).hexdigest()


class Stage:
    """One run of a stage: checks the code it was asked for, times itself, writes the manifest."""

    def __init__(self, module: str, spec: dict[str, Any], expected_code: str | None = None):
        """Start the clock.

        Args:
            module: dotted name of the stage's module.
            spec: the settings the stage reads, as plain JSON values.
            expected_code: code digest that the workflow saw when it planned the job.

        Raises:
            UserError: the source has changed since then.
        """
        self.name = module.rsplit(".", 1)[-1]
        self.spec = spec
        self.code = code_digest(module)
        self.started = time.perf_counter()
        self.cpu_started = time.process_time()
        if expected_code is not None and expected_code != self.code:
            raise UserError(
                f"{self.name}: the source changed while the job waited "
                f"(planned {expected_code}, found {self.code}); start the workflow again"
            )

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
        write_json(
            path,
            {
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
            },
        )


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
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        known = manifest.get("format") == FORMAT
    except FileNotFoundError:
        raise UserError(f"{path}: no such manifest") from None
    except (OSError, ValueError, AttributeError):
        raise UserError(f"{path}: not a readable manifest") from None
    if not known:
        raise UserError(f"{path}: not a manifest of this version ({FORMAT!r})")
    return manifest


def manifest_path(output: Path) -> Path:
    """Where the manifest of an output stands: mesh.json for a mesh, name.manifest.json else."""
    if output.suffix == ".zarr":
        return output.with_suffix(".manifest.json")
    return output.with_suffix(".json")


def recorded_transform(mesh: Path) -> list[list[float]] | None:
    """Source-to-canonical transform [4, 4] in the manifest beside a normalised mesh, if any."""
    beside = manifest_path(mesh)
    if not beside.is_file():
        return None
    transform: list[list[float]] | None = read_manifest(beside).get("source_to_canonical")
    return transform


def content_digest(output: Path) -> str:
    """Digest of a stage's only output: equal data, equal digest.

    From the manifest beside it; from its own files when it came without one.

    Raises:
        UserError: neither is there, or the manifest is damaged.
    """
    beside = manifest_path(output)
    if output.exists() and not beside.exists():
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
