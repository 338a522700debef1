"""paper: what all studies found, as a paper that takes its numbers from them."""

import sys
from pathlib import Path

from hexplane.geometry.frame import VIEWS
from hexplane.paper.collected import FORMAT, collected, read_files
from hexplane.paper.document import LEFT_OUT, Document
from hexplane.paper.figures import figures
from hexplane.plumbing.claims import claim
from hexplane.plumbing.files import sha256, write_bytes, write_json
from hexplane.plumbing.manifests import Job, manifest_path
from hexplane.plumbing.paths import COMMITTED, RESULTS
from hexplane.settings.paper import PaperSettings


def run(
    output: Path,
    settings: PaperSettings = PaperSettings(),
    code: str | None = None,
    *,
    results: Path = Path(RESULTS),
    committed: Path = Path(COMMITTED),
    force: bool = False,
) -> None:
    """Write the paper, two columns of PDF, of the studies whose results are there.

    A sentence whose number is missing is left out, and the paper's end names it. What the paper was
    made of goes beside it, as `data.json`, and a manifest.

    Args:
        output: the paper, PDF.
        settings: which studies it is about.
        code: code digest that the workflow planned with.
        results: folder of all studies.
        committed: folder with figures of full runs, for studies that are not in `results`.
        force: replace files that hexplane did not write, too.

    Raises:
        UserError: no study is finished, or a file of one is damaged.
    """
    job = Job(__name__, settings, code)
    beside = output.with_name("data.json")
    claim(manifest_path(output), [output, beside], force)
    studies = collected(settings.studies, results, committed)
    views = [view._asdict() for view in VIEWS]
    drawn = figures(studies)
    data = {"format": FORMAT, "studies": studies, "views": views, "figures": list(drawn)}
    document = Document(data, drawn)
    write_bytes(output, document.pdf())
    write_json(beside, data)
    read = read_files(settings.studies, results, committed)
    job.write_manifest(
        manifest_path(output),
        [output, beside],
        inputs={name: sha256(path) for name, path in read.items()},
    )
    missing = len(document.marks(LEFT_OUT))
    left_out = f"; {missing} statements are left out for want of results" if missing else ""
    print(f"The paper is {output.resolve()}, of {', '.join(studies)}{left_out}", file=sys.stderr)
