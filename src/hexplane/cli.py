"""The `hexplane` command: a subcommand for each stage, and `verify`.

Stages are imported when they are called: what needs no torch must not wait for it.
"""

import sys
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from hexplane.errors import UserError
from hexplane.specs.base import Spec

app = typer.Typer(
    name="hexplane",
    help="Head meshes through six orthographic views into a small latent and back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

SpecText = Annotated[
    str,
    typer.Option(
        "--spec",
        metavar="YAML",
        help="Settings that differ from the defaults, e.g. '{resolution: 256}'.",
    ),
]
Code = Annotated[str | None, typer.Option("--code", hidden=True)]
S = TypeVar("S", bound=Spec)


def _read(kind: type[S], text: str) -> S:
    from hexplane.specs.parse import parse_spec

    return parse_spec(kind, text)


def _code(text: str | None) -> str | None:
    return None if text is None else text.removeprefix("code:")


@app.command()
def generate(output: Path, spec: SpecText = "{}", code: Code = None) -> None:
    """Make a seeded head."""
    from hexplane.specs.generate import GenerateSpec

    settings = _read(GenerateSpec, spec)
    from hexplane.stages.generate import run

    run(output, settings, _code(code))


@app.command()
def check(
    sources: list[Path],
    known: Annotated[Path | None, typer.Option(help="List of files already found sound.")] = None,
) -> None:
    """Read mesh files and name all that cannot be used."""
    from hexplane.stages.check import run

    run(sources, known)


@app.command()
def normalise(source: Path, output: Path, spec: SpecText = "{}", code: Code = None) -> None:
    """Move a mesh into the canonical cube."""
    from hexplane.specs.normalise import NormaliseSpec

    settings = _read(NormaliseSpec, spec)
    from hexplane.stages.normalise import run

    run(source, output, settings, _code(code))


@app.command()
def render(mesh: Path, output: Path, spec: SpecText = "{}", code: Code = None) -> None:
    """Render the six views of a normalised mesh to a Zarr store."""
    from hexplane.specs.render import RenderSpec

    settings = _read(RenderSpec, spec)
    from hexplane.stages.render import run

    run(mesh, output, settings, _code(code))


@app.command()
def sample(mesh: Path, output: Path, spec: SpecText = "{}", code: Code = None) -> None:
    """Sample signed distances to a normalised mesh."""
    from hexplane.specs.sample import SampleSpec

    settings = _read(SampleSpec, spec)
    from hexplane.stages.sample import run

    run(mesh, output, settings, _code(code))


@app.command()
def train(
    output: Annotated[Path, typer.Argument(help="The model's folder.")],
    hexplanes: Annotated[list[Path], typer.Argument(help="Stores to train on.")],
    validation: Annotated[
        list[Path], typer.Option(help="Store to watch; may be given several times.")
    ] = [],  # noqa: B006 (typer reads the default)
    sdf: Annotated[Path, typer.Option(help="Folder of the samples, same names.")] = Path(
        "results/sdf"
    ),
    state: Annotated[Path, typer.Option(help="Folder for checkpoints.")] = Path("results/.state"),
    devices: Annotated[
        int,
        typer.Option(min=0, help="GPUs, or CPU processes, that share batches; 0 counts as 1."),
    ] = 1,
    cache_gb: Annotated[
        float,
        typer.Option(
            min=0,
            envvar="HEXPLANE_CACHE_GB",
            help="Heads that take more are read from disk as they come.",
        ),
    ] = 4.0,
    spec: SpecText = "{}",
    code: Code = None,
) -> None:
    """Train a network; a killed run goes on from its checkpoint."""
    from hexplane.specs.train import TrainSpec

    settings = _read(TrainSpec, spec)
    from hexplane.stages.train import run

    run(output, hexplanes, validation, sdf, state, settings, _code(code), devices, cache_gb)


Model = Annotated[Path, typer.Option(help="Folder of the trained model.")]


@app.command()
def encode(
    source: Annotated[Path, typer.Argument(help="A mesh file, or a hexplane store.")],
    output: Annotated[
        Path | None, typer.Argument(help="Default: the source's name with .latent.zarr.")
    ] = None,
    model: Model = Path("results/models/ae-depth-normal"),
    spec: SpecText = "{}",
    code: Code = None,
) -> None:
    """Turn a head into a latent."""
    from hexplane.specs.normalise import NormaliseSpec

    settings = _read(NormaliseSpec, spec)
    from hexplane.stages.encode import run

    target = output or source.with_suffix(".latent.zarr")
    run(source, target, model, settings, _code(code))
    if output is None:
        typer.echo(target)


@app.command()
def extract(
    latent: Path,
    output: Annotated[
        Path | None, typer.Argument(help="Default: the latent's name with .mesh.ply.")
    ] = None,
    model: Model = Path("results/models/ae-depth-normal"),
    canonical: Annotated[
        bool, typer.Option("--canonical", help="Stay in the canonical cube.")
    ] = False,
    decoded: Annotated[
        Path | None, typer.Option(help="Also write the decoded views, beside the mesh.")
    ] = None,
    spec: SpecText = "{}",
    code: Code = None,
) -> None:
    """Turn a latent into a mesh, in the source's own coordinates."""
    from hexplane.specs.extract import ExtractSpec

    settings = _read(ExtractSpec, spec)
    from hexplane.stages.extract import run

    target = output or latent.with_name(latent.name.removesuffix(".zarr") + ".mesh.ply")
    run(latent, target, model, settings, _code(code), canonical, decoded)
    if output is None:
        typer.echo(target)


@app.command()
def interpolate(
    first: Annotated[Path, typer.Argument(help="Latent of the first head.")],
    second: Annotated[Path, typer.Argument(help="Latent of the second head.")],
    output: Annotated[Path, typer.Argument(help="Folder of the meshes.")],
    model: Model = Path("results/models/ae-depth-normal"),
    spec: SpecText = "{}",
    code: Code = None,
) -> None:
    """Decode meshes on the line between two latents."""
    from hexplane.specs.interpolate import InterpolateSpec

    settings = _read(InterpolateSpec, spec)
    from hexplane.stages.interpolate import run

    run(first, second, output, model, settings, _code(code))


@app.command()
def oracle(
    hexplane: Path, mesh: Path, output: Path, spec: SpecText = "{}", code: Code = None
) -> None:
    """Extract a mesh from the ground truth: what a perfect network would give."""
    from hexplane.specs.extract import OracleSpec

    settings = _read(OracleSpec, spec)
    from hexplane.stages.oracle import run

    run(hexplane, mesh, output, settings, _code(code))


@app.command()
def evaluate(
    reconstruction: Path,
    mesh: Path,
    output: Path,
    latent: Annotated[Path | None, typer.Option(help="Latent to measure the size of.")] = None,
    spec: SpecText = "{}",
    code: Code = None,
) -> None:
    """Measure a reconstruction against its mesh."""
    from hexplane.specs.evaluate import EvaluateSpec

    settings = _read(EvaluateSpec, spec)
    from hexplane.stages.evaluate import run

    run(reconstruction, mesh, output, settings, _code(code), latent)


@app.command()
def diagnose(
    model: Annotated[Path, typer.Argument(help="Folder of the trained model.")],
    output: Path,
    hexplanes: Annotated[Path, typer.Option(help="Folder of the hexplanes.")] = Path(
        "results/hexplanes"
    ),
    sdf: Annotated[Path, typer.Option(help="Folder of the samples.")] = Path("results/sdf"),
    meshes: Annotated[Path, typer.Option(help="Folder of the normalised meshes.")] = Path(
        "results/meshes"
    ),
    spec: SpecText = "{}",
    code: Code = None,
) -> None:
    """Say what a network's latent holds, and what it decodes with and without it."""
    from hexplane.specs.diagnose import DiagnoseSpec

    settings = _read(DiagnoseSpec, spec)
    from hexplane.stages.diagnose import run

    run(model, output, hexplanes, sdf, meshes, settings, _code(code))


@app.command()
def report(
    results: Path,
    page: Path,
    summary: Path,
    runs: Path,
    spec: SpecText,
    code: Code = None,
) -> None:
    """Write the page and the tables over all metrics and runs."""
    from hexplane.specs.report import ReportSpec

    settings = _read(ReportSpec, spec)
    from hexplane.stages.report import run

    run(results, page, summary, runs, settings, _code(code))
    typer.echo(f"The report is {page.resolve()}", err=True)


@app.command()
def verify(results: Annotated[Path, typer.Argument()] = Path("results")) -> None:
    """Hash every file that a manifest describes again, and name what does not match."""
    from hexplane.verify import verify_results

    typer.echo(verify_results(results))


def main() -> None:
    """Run the command; a user's mistake is one line and exit status 1."""
    try:
        app()
    except UserError as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        sys.exit(1)
