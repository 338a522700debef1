"""Where everything lies: the one place of paths, for rules, stages, report and tests.

`{mesh}` is a mesh's name, `{arm}` an arm's, `{method}` an arm's or an oracle's, `{run}` an arm's
or, with a seed of its own, a repeat of it (`arm@1`).
"""

import re
from pathlib import Path

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""Names of studies, heads, families and arms: they become file names and workflow wildcards."""
LONGEST_NAME = 100
"""Letters in a name: file systems take 255 bytes with all that is added."""
RESULTS = "results"
STATE = f"{RESULTS}/.state"
"""Checkpoints, by the digest of all that a training depends on: all studies share them."""
CHECKED = f"{STATE}/checked.json"
KEPT = f"{STATE}/read"
WEIGHTS = "model.safetensors"
CONFIG = "config.json"
MODEL_FILES = (WEIGHTS, CONFIG, "history.csv")
PAPER = f"{RESULTS}/paper/paper.pdf"
"""Of all studies together, so that no study may have the name of its folder."""
PAPER_MANIFEST = f"{RESULTS}/paper/paper.json"
PAPER_DATA = f"{RESULTS}/paper/data.json"
COMMITTED = "docs/data"
"""Figures of full runs, for who has not made them."""


class Layout:
    """Paths of one study, relative to the working directory.

    Args:
        root: the study's folder.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        at = f"{root}/"
        self.split = at + "plan/split.json"
        self.report_settings = at + "plan/report.json"
        self.planned = at + "plan/results.json"
        self.config = at + "plan/config.json"
        self.head = at + "heads/{mesh}.ply"
        self.head_manifest = at + "heads/{mesh}.json"
        self.meshes = at + "meshes"
        self.mesh = at + "meshes/{mesh}.ply"
        self.mesh_manifest = at + "meshes/{mesh}.json"
        self.hexplanes = at + "hexplanes"
        self.hexplane = at + "hexplanes/{mesh}.zarr"
        self.hexplane_manifest = at + "hexplanes/{mesh}.manifest.json"
        self.distances = at + "sdf"
        self.distance = at + "sdf/{mesh}.zarr"
        self.distance_manifest = at + "sdf/{mesh}.manifest.json"
        self.model = at + "models/{run}"
        self.model_manifest = at + "models/{run}/manifest.json"
        self.history = at + "models/{run}/history.csv"
        self.model_config = at + "models/{run}/config.json"
        self.events = at + "models/{run}/tensorboard"
        self.first_model_manifest = at + "models/{arm}/manifest.json"
        self.latent = at + "latents/{arm}/{mesh}.zarr"
        self.latent_manifest = at + "latents/{arm}/{mesh}.manifest.json"
        self.reconstruction = at + "reconstructions/{method}/{mesh}.ply"
        self.reconstruction_manifest = at + "reconstructions/{method}/{mesh}.json"
        self.decoded = at + "reconstructions/{arm}/{mesh}.zarr"
        self.interpolation = at + "interpolations/{arm}/{step}.ply"
        self.interpolation_manifest = at + "interpolations/{arm}/manifest.json"
        self.metrics = at + "metrics/{method}/{mesh}.json"
        self.rate = at + "rates/{method}/{mesh}.json"
        self.rate_mesh = at + "rates/{method}/{mesh}.{budget}.ply"
        self.classical = at + "classical/{method}/{mesh}.json"
        self.classical_mesh = at + "classical/{method}/{mesh}.{way}.ply"
        self.draw = at + "draws/{arm}/{draw}.ply"
        self.draw_latent = at + "draws/{arm}/{draw}.hxl"
        self.draw_manifest = at + "draws/{arm}/manifest.json"
        self.novelty = at + "draws/{arm}/novelty.json"
        self.mean = at + "rates/mean.ply"
        self.mean_manifest = at + "rates/mean.json"
        self.diagnostics = at + "diagnostics/{run}.json"
        self.runs = at + "metrics/runs.csv"
        self.rates = at + "metrics/rates.csv"
        self.classical_table = at + "metrics/classical.csv"
        self.snapshots = at + "metrics/snapshots.csv"
        self.summary = at + "metrics/summary.csv"
        self.page = at + "report/index.html"
        self.page_manifest = at + "report/index.json"
        self.figure = at + "report/{figure}"

    @property
    def model_files(self) -> list[str]:
        """Files of a model, besides its manifest and its events."""
        return [f"{self.model}/{name}" for name in MODEL_FILES]

    @property
    def manifests(self) -> list[str]:
        """Patterns of all manifests, in the order of the workflow."""
        return [
            *(self.head_manifest, self.mesh_manifest, self.hexplane_manifest),
            *(self.distance_manifest, self.model_manifest, self.latent_manifest),
            *(self.reconstruction_manifest, self.metrics, self.interpolation_manifest),
            *(self.draw_manifest, self.novelty),
            *(self.classical, self.mean_manifest, self.rate, self.diagnostics, self.page_manifest),
        ]

    @property
    def described(self) -> dict[str, str]:
        """Patterns of results, each with that of the manifest that describes it."""
        found = {
            self.head: self.head_manifest,
            self.mesh: self.mesh_manifest,
            self.hexplane: self.hexplane_manifest,
            self.distance: self.distance_manifest,
            self.events: self.model_manifest,
            self.latent: self.latent_manifest,
            self.reconstruction: self.reconstruction_manifest,
            self.decoded.replace("{arm}", "{method}"): self.reconstruction_manifest,
            self.interpolation: self.interpolation_manifest,
            self.draw: self.draw_manifest,
            self.draw_latent: self.draw_manifest,
            self.rate_mesh: self.rate,
            self.classical_mesh: self.classical,
            self.mean: self.mean_manifest,
            self.page: self.page_manifest,
        }
        return found | dict.fromkeys(self.model_files, self.model_manifest)

    def log(self, stage: str, job: str) -> str:
        """What a job said."""
        return f"{self.root}/logs/{stage}/{job}.log"

    def benchmark(self, stage: str, job: str) -> str:
        """What Snakemake measured of a job."""
        return f"{self.root}/benchmarks/{stage}/{job}.tsv"

    def client_benchmark(self, stage: str, job: str) -> str:
        """What Snakemake measured of the client of a job that a shared interpreter does.

        The wall time is the job's. CPU time and memory are not: its manifest has those.
        """
        return f"{self.root}/benchmarks/clients/{stage}/{job}.tsv"


def names_in(pattern: str, path: str | Path) -> dict[str, str] | None:
    """What stands for the names in a pattern of `Layout`; None where the path is another one."""
    parts = re.split(r"\{(\w+)\}", pattern)
    parts[::2] = map(re.escape, parts[::2])
    parts[1::2] = [f"(?P<{name}>[^/]+)" for name in parts[1::2]]
    found = re.fullmatch("".join(parts), str(path))
    return found and found.groupdict()


def study(name: str) -> Layout:
    """Paths of the study of that name."""
    return Layout(f"{RESULTS}/{name}")


DEFAULT = study("default")
FOLDERS = frozenset(
    Path(path).relative_to(DEFAULT.root).parts[0]
    for path in (*DEFAULT.manifests, DEFAULT.split, DEFAULT.log("", ""), DEFAULT.benchmark("", ""))
)
"""Folders of a study."""
DEFAULT_MODEL = Path(DEFAULT.model.format(run="ae-depth-normal"))
"""What `hexplane encode` and the like take when no model is named."""
