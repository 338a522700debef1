"""draw: heads that nobody has, from a codec's prior."""

from pathlib import Path

from hexplane.decoding import decode, suited
from hexplane.drawing import draw
from hexplane.encoding import file_of
from hexplane.geometry.writing import write_mesh
from hexplane.model import latent_file
from hexplane.model.saved import chosen_modules, load_model
from hexplane.plumbing.claims import claim
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import write_bytes
from hexplane.plumbing.manifests import Job
from hexplane.plumbing.parse import checked
from hexplane.plumbing.paths import DEFAULT_MODEL
from hexplane.settings.draw import DrawSettings, draw_name

SERVED = True


def run(
    output: Path,
    settings: DrawSettings = DrawSettings(),
    code: str | None = None,
    *,
    model: Path = DEFAULT_MODEL,
    count: int | None = None,
    seed: int | None = None,
    temperature: float | None = None,
    force: bool = False,
) -> None:
    """Draw new heads from what a model knows of heads.

    Writes `000.ply`, `001.ply`, ..., each with its latent file, `000.hxl`, and a manifest. Meshes
    are in the canonical frame. A head's number and the seed decide it, however many are drawn.

    Args:
        output: folder of the heads.
        settings: how many, and how meshes are taken.
        code: code digest that the workflow planned with.
        model: folder of the trained model.
        count: how many, in the place of the setting.
        seed: seed of the draws, in the place of the setting.
        temperature: in the place of the setting; 1 draws from the prior itself, less draws more
            typical heads, 0 the most typical one alone.
        force: replace files that hexplane did not write, too.

    Raises:
        UserError: the model has no prior to draw from.
    """
    asked = {"count": count, "seed": seed, "temperature": temperature}
    given = {name: own for name, own in asked.items() if own is not None}
    told = settings.model_dump(exclude_unset=True)
    settings = checked(DrawSettings, told | given, where="--")
    meshes = [output / f"{draw_name(number)}.ply" for number in range(settings.count)]
    files = [path.with_suffix(latent_file.SUFFIX) for path in meshes]
    claim(output / "manifest.json", [*meshes, *files], force)
    job = Job(__name__, settings, code, chosen_modules(model))
    saved = load_model(model)
    settings = job.settled(suited(settings, saved.codec))
    facts = []
    try:
        latents = draw(saved, settings.count, settings.seed, settings.temperature)
    except UserError as error:
        raise UserError(f"{model}: {error}") from None
    for latent, mesh, file in zip(latents, meshes, files, strict=True):
        extraction = decode(saved.codec, latent, settings).extraction
        write_mesh(extraction.mesh, mesh)
        write_bytes(file, file_of(saved, latent, None))
        facts.append({**extraction.facts, "bytes": file.stat().st_size})
    inputs = {"model": saved.weights_hash}
    job.write_manifest(
        output / "manifest.json",
        [*meshes, *files],
        inputs=inputs,
        prior=saved.codec.bottleneck.prior_words,
        draws=facts,
    )
