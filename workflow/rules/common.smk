from hexplane import paths
from hexplane.config import parse_config
from hexplane.errors import UserError
from hexplane.plan import Plan, code_param, spec_param
from hexplane.specs.interpolate import STEPS

try:
    PLAN = Plan(parse_config(dict(config)), Path.cwd())
    PLAN.split, PLAN.evaluated  # every mistake is found before anything runs
except UserError as error:
    # One line a mistake instead of Snakemake's account of where in this file it came up.
    sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))

# It changes no result: as a parameter it would run jobs again.
os.environ.update(HEXPLANE_CACHE_GB=str(PLAN.config.hardware.cache_gb))

LEARNING = str(ROOT / "envs/learning.yaml")
GEOMETRY = str(ROOT / "envs/geometry.yaml")
# Latents and meshes come from an arm's first run.
FIRST_MODEL = paths.MODEL_MANIFEST.replace("{run}", "{experiment}")


wildcard_constraints:
    mesh=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    experiment=r"(?!oracle-)[A-Za-z0-9][A-Za-z0-9._-]*",
    run=r"(?!oracle-)[A-Za-z0-9][A-Za-z0-9._-]*(@[0-9]+)?",
    oracle=r"oracle-(occupancy|depth_normal|dithered|sdf)",
    arm=r"[A-Za-z0-9][A-Za-z0-9._-]*",


def of(pattern, meshes):
    """A path of each mesh, other wildcards kept."""
    return [pattern.replace("{mesh}", mesh) for mesh in meshes]


def source_of(wildcards):
    """Source file of a mesh, or the head generated for it."""
    return PLAN.sources.get(wildcards.mesh, paths.HEAD)


def latent_of(wildcards):
    """Manifest of the latent that an arm's reconstruction came from; an oracle has none."""
    if wildcards.arm in PLAN.experiments:
        return paths.LATENT_MANIFEST.replace("{experiment}", wildcards.arm)
    return []


def latent_option(wildcards):
    """The option that names that latent."""
    if wildcards.arm in PLAN.experiments:
        store = paths.LATENT.format(experiment=wildcards.arm, mesh=wildcards.mesh)
        return [f"--latent={store}"]
    return []


def trained_on(pattern):
    """Paths of the heads that a run is trained on."""
    return lambda w: of(pattern, PLAN.training_heads(w.run))


def watched(pattern):
    """Paths of those, and of the heads watched in the meantime."""
    return lambda w: of(pattern, PLAN.training_heads(w.run) + PLAN.watched)


def diagnosed(pattern, inputs=False):
    """Paths of the heads that a run is diagnosed on, and of those whose spectrum it takes."""
    return lambda w: of(
        pattern,
        dict.fromkeys(
            [
                *sum(PLAN.diagnosed(w.run).values(), []),
                *(PLAN.inputs(w.run) if inputs else []),
            ]
        ),
    )
