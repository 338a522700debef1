"""check: every source mesh is read once before anything is made of it."""

from pathlib import Path

from hexplane.files import sha256, write_json
from hexplane.meshes import check_meshes


def run(sources: list[Path], output: Path | None = None) -> None:
    """Load all source meshes; list them with their hashes in `output` when all are sound.

    Raises:
        UserError: one line for each unusable file, all of them at once.
    """
    check_meshes(sources)
    if output is not None:
        write_json(output, {str(source): sha256(source) for source in sources})
