from hexplane.config import parse_config
from hexplane.plan import Plan, code_param, spec_param
from hexplane.plumbing.digests import digest
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import remove_left_over
from hexplane.plumbing.paths import (
    CHECKED,
    COMMITTED,
    KEPT,
    PAPER,
    PAPER_DATA,
    PAPER_MANIFEST,
    RESULTS,
    STATE,
    study,
)
from hexplane.settings.classical import TRUTH
from hexplane.settings.draw import draw_name
from hexplane.settings.interpolate import STEPS
from hexplane.settings.rates import DRACO, MEAN, PARAMETERS, RIVALS, shown
from hexplane.stages import served

try:
    PLAN = Plan(parse_config(dict(config)), Path.cwd())
    PLAN.split, PLAN.evaluated  # every mistake is found before anything runs
except UserError as error:
    # One line a mistake instead of Snakemake's account of where in this file it came up.
    sys.exit(error.told)

paths = PLAN.paths  # of this study

os.environ.update(HEXPLANE_SERVED=" ".join(served()))

LEARNING = str(ROOT / "envs/learning.yaml")
GEOMETRY = str(ROOT / "envs/geometry.yaml")


wildcard_constraints:
    mesh=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    arm=r"(?!oracle-)[A-Za-z0-9][A-Za-z0-9._-]*",
    run=r"(?!oracle-)[A-Za-z0-9][A-Za-z0-9._-]*(@[0-9]+)?",
    oracle=r"oracle-(occupancy|depth_normal|dithered|sdf)",
    method=r"[A-Za-z0-9][A-Za-z0-9._-]*",


def of(pattern, meshes):
    """A path of each mesh, other wildcards kept."""
    return [pattern.replace("{mesh}", mesh) for mesh in meshes]


def source_of(wildcards):
    """Source file of a mesh, or the head generated for it."""
    return PLAN.sources.get(wildcards.mesh, paths.head)


def growing(least, per_mb):
    """Memory or minutes of a job: more for a large source file, and with each attempt."""

    def asked(wildcards, attempt):
        source = PLAN.sources.get(getattr(wildcards, "mesh", ""))
        megabytes = os.path.getsize(source) / 1e6 if source else 0
        return int(attempt * (least + per_mb * megabytes))

    return asked


def memory(least):
    """Megabytes: a file's mesh takes up to 30 times its size (1.1 M faces as binary PLY)."""
    return growing(least, 30)


def minutes(least):
    """Of a million faces, signed distances and measures take the longest: 11 s."""
    return growing(least, 1 / 60)


# What takes longest begins first, and everything short fits beside it: trainings by their steps,
# and before them all that trainings wait for.
LENGTHS = sorted({PLAN.steps(run) for run in PLAN.runs})
DATA_FIRST = 1 + len(LENGTHS)


def longest_first(wildcards):
    """Priority of a training among the others."""
    return 1 + LENGTHS.index(PLAN.steps(wildcards.run))


def latent_of(wildcards):
    """Manifest of the latent that an arm's reconstruction came from; an oracle has none."""
    if wildcards.method in PLAN.config.arms:
        return paths.latent_manifest.replace("{arm}", wildcards.method)
    return []


def latent_option(wildcards):
    """The option that names that latent."""
    if wildcards.method in PLAN.config.arms:
        store = paths.latent.format(arm=wildcards.method, mesh=wildcards.mesh)
        return [f"--latent={store}"]
    return []


def trained_on(pattern):
    """Paths of the heads that a run is trained on, and of those watched in the meantime."""
    return lambda w: of(
        pattern,
        PLAN.training_heads(w.run) + ([] if PLAN.fitted(w.run) else PLAN.watched),
    )


def trained_by_steps_on(pattern):
    """The same; none for a run that is fitted in closed form, which needs no distances."""
    return lambda w: [] if PLAN.fitted(w.run) else trained_on(pattern)(w)


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


def rate_meshes(method):
    """Meshes of a method at the sizes that the report shows."""
    budgets = shown(PLAN.config.evaluation.rates)
    return [
        paths.rate_mesh.replace("{method}", method).replace("{budget}", str(own))
        for own in budgets
    ]


def classical_meshes(source):
    """Meshes that classical methods make of some views."""
    own = paths.classical_mesh.replace("{method}", source)
    return [own.replace("{way}", method) for method in PLAN.config.classical.methods]


def heads_option(wildcards):
    """The option that says how many of the training heads a run takes, where not all."""
    heads = PLAN.config.arms[PLAN.runs[wildcards.run][0]].heads
    return [] if heads is None else [f"--heads={heads}"]


def reports_at_hand(wildcards):
    """Manifests of the reports that the paper is about: this study's, and of finished others."""
    reports = {name: study(name).page_manifest for name in PLAN.paper().studies}
    return [
        path
        for name, path in reports.items()
        if name == PLAN.config.study or os.path.exists(path)
    ]
