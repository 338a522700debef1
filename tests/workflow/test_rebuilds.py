"""What an edit of the source runs again over the real workflow: nothing, or exactly some jobs."""

import pytest

from hexplane import stages
from hexplane.config import parse_config
from hexplane.plan import Plan
from hexplane.plumbing import digests
from support.jobs import (
    REPORT,
    after_hexplanes,
    diagnosed,
    extracted,
    measured,
    normalised,
    rendered,
    sampled,
    trained,
)
from support.project import TINY, TINY_ARMS, Project

pytestmark = pytest.mark.slow

Edit = tuple[str, str, str]
"""A file, a text in it, and what is put in its place."""

SRC = "src/hexplane"
NOTHING: dict[str, Edit] = {
    "the version": (f"{SRC}/__init__.py", '__version__ = "', '__version__ = "9.'),
    "an error of plumbing": (
        f"{SRC}/plumbing/manifests.py",
        'not a readable manifest")',
        'a bad manifest")',
    ),
    "an error of a stage": (f"{SRC}/stages/train.py", "no heads to train on", "nobody to train"),
    "an error of geometry": (f"{SRC}/geometry/meshes.py", "the file is empty", "nothing in it"),
    "an error of the training": (f"{SRC}/training/loop.py", "heads cannot be", "heads can not be"),
    "a description": (f"{SRC}/settings/train.py", '"Optimiser steps."', '"Steps of descent."'),
    "a bound": (f"{SRC}/settings/train.py", "Field(2400, ge=1,", "Field(2400, ge=2,"),
    "a line of the training": (f"{SRC}/training/loop.py", "resuming at step", "going on at step"),
    "a line of the progress": (f"{SRC}/plumbing/progress.py", "} left", "} to go"),
    "a mesh format": (f"{SRC}/plumbing/formats.py", '".off")', '".off", ".3mf")'),
    "a help text": (f"{SRC}/stages/extract.py", "settings: how the mesh is", "settings: how it is"),
    "a stage's help": (f"{SRC}/stages/train.py", "Train a codec; a killed", "Train one; a killed"),
    "a comment": (f"{SRC}/rendering/embree.py", "# Only pixels inside", "# None but pixels inside"),
    "an annotation": (f"{SRC}/metrics/comparison.py", "share: float", 'share: "float | int"'),
    "a result's annotation": (
        *(f"{SRC}/geometry/fusion.py", '-> NDArray[np.float32]:\n    """Images [V'),
        '-> np.ndarray:\n    """Images [V',
    ),
    "a docstring": (f"{SRC}/geometry/fusion.py", "Field of the hull that", "The hull that"),
    "a constant's docstring": (f"{SRC}/geometry/isosurface.py", "Least distance of", "How far is"),
    "an import of a type": (
        f"{SRC}/metrics/table.py",
        "TYPE_CHECKING, Any",
        "TYPE_CHECKING, Any, Final",
    ),
    "a rule's memory": ("workflow/rules/models.smk", "memory(8000)", "memory(9000)"),
    "a rule's minutes": ("workflow/rules/report.smk", "runtime=60", "runtime=50"),
    "a rule's comment": (
        "workflow/rules/models.smk",
        "# Manifests say what changed;",
        "# The manifests say what changed;",
    ),
}
SOMETHING: dict[str, tuple[Edit, set[str]]] = {
    "a constant of fusion": (
        (f"{SRC}/geometry/fusion.py", "MIN_COSINE = 0.2", "MIN_COSINE = 0.25"),
        extracted() | diagnosed() | REPORT,
    ),
    "a constant of the isosurface": (
        (f"{SRC}/geometry/isosurface.py", "NUDGE = 1e-5", "NUDGE = 2e-5"),
        extracted() | diagnosed() | REPORT,
    ),
    "a default that no configuration sets": (
        (f"{SRC}/settings/train.py", "Field(10.0, ge=0", "Field(9.0, ge=0"),
        trained() | REPORT,
    ),
    "a default of one bottleneck": (
        (
            f"{SRC}/model/bottlenecks/gaussian_settings.py",
            "        1e-5, ge=0",
            "        2e-5, ge=0",
        ),
        trained("vae-occupancy") | REPORT,
    ),
    "one bottleneck": (
        (f"{SRC}/model/bottlenecks/gaussian.py", "VARIANCE_LIMIT = 10.0", "VARIANCE_LIMIT = 9.0"),
        trained("vae-occupancy") | REPORT,
    ),
    "the other bottleneck": (
        (f"{SRC}/model/bottlenecks/deterministic.py", "return statistics", "return 1 * statistics"),
        trained("ae-depth-normal") | REPORT,
    ),
    "what both bottlenecks are": (
        (f"{SRC}/model/bottlenecks/base.py", 'astype("<f4")', 'astype(">f4")'),
        trained() | REPORT,
    ),
    "a part of the codec": (
        (
            f"{SRC}/model/codecs/blocks.py",
            "nn.SiLU(),\n            zeroed",
            "nn.ReLU(),\n            zeroed",
        ),
        trained() | REPORT,
    ),
    "the training": (
        (f"{SRC}/training/loop.py", "VALIDATION_SEED = 1", "VALIDATION_SEED = 2"),
        trained() | REPORT,
    ),
    "an operator of the metrics": (
        (f"{SRC}/metrics/comparison.py", "(self.there < threshold)", "(self.there <= threshold)"),
        measured() | diagnosed() | REPORT,
    ),
    "a metric's value": (
        (f"{SRC}/metrics/table.py", "c.quantile(0.95)", "c.quantile(0.96)"),
        measured() | diagnosed() | REPORT,
    ),
    "a helper of helpers": (
        # Of solids (which body lies in which), of distances and of metrics.
        (f"{SRC}/geometry/distance.py", "(order)] > 0.5", "(order)] >= 0.5"),
        normalised() | rendered() | sampled() | after_hexplanes(),
    ),
    "the renderer": (
        (f"{SRC}/rendering/embree.py", 'hits["tfar"] / 2', 'hits["tfar"] * 0.5'),
        rendered() | after_hexplanes(),
    ),
    "the canonical frame": (
        (f"{SRC}/geometry/frame.py", "BACKGROUND_DEPTH = 1.0", "BACKGROUND_DEPTH = 1.5"),
        normalised() | rendered() | sampled() | after_hexplanes(),
    ),
    "the diagnostics": (
        (f"{SRC}/stages/diagnose.py", "DRAWS = 8", "DRAWS = 9"),
        diagnosed() | REPORT,
    ),
    "a text of the page": (
        (f"{SRC}/report/web/verdict.html", "<h2>Verdict</h2>", "<h2>Outcome</h2>"),
        REPORT,
    ),
    "a heading of the page": (
        (f"{SRC}/metrics/table.py", 'label="IoU"', 'label="Overlap"'),
        REPORT,
    ),
    "an analysis": (
        (f"{SRC}/analysis/scores.py", "len(finite) > 1", "len(finite) > 2"),
        REPORT,
    ),
    "whatever plumbing may change": (
        (f"{SRC}/plumbing/__init__.py", "FORMAT = 1", "FORMAT = 2"),
        normalised() | rendered() | sampled() | after_hexplanes(),
    ),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished tiny run; each test leaves it as it found it."""
    project = Project(tmp_path_factory.mktemp("project"))
    project.build()
    assert project.planned() == set()
    return project


def code_of(project: Project) -> dict[tuple[str, str], str]:
    """Code digests of the copied source: each stage with what each arm chooses."""
    plan = Plan(parse_config({**TINY, "arms": TINY_ARMS}), project.folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digests, "PACKAGE", project.folder / SRC)
        digests.forget()
        found = {
            (stage, arm): digests.code_digest(f"hexplane.stages.{stage}", plan.modules(arm))
            for stage in stages.names()
            for arm in plan.arms
        }
        digests.forget()
    return found


@pytest.fixture(scope="module")
def code(project: Project) -> dict[tuple[str, str], str]:
    """Digests of the source as it is."""
    return code_of(project)


@pytest.mark.parametrize("name", NOTHING)
def test_no_digest_tells_of_it(
    project: Project, code: dict[tuple[str, str], str], name: str
) -> None:
    with project.edited(NOTHING[name]):
        assert code_of(project) == code


def test_digests_tell_of_the_rest(project: Project, code: dict[tuple[str, str], str]) -> None:
    edit, _ = SOMETHING["a constant of fusion"]
    with project.edited(edit):
        changed = {key for key, own in code_of(project).items() if own != code[key]}
    expected = {"extract", "oracle", "interpolate", "diagnose", "rates", "mean", "draw", "novelty"}
    expected |= {"classical"}
    assert {stage for stage, _ in changed} == expected


def test_all_of_that_together_runs_nothing(project: Project) -> None:
    with project.edited(*NOTHING.values()):
        assert project.planned() == set()
    assert project.planned() == set()


@pytest.mark.parametrize("name", SOMETHING)
def test_just_these_jobs_run(project: Project, name: str) -> None:
    edit, jobs = SOMETHING[name]
    with project.edited(edit):
        assert project.planned() == jobs


def test_a_new_bottleneck_runs_nothing(project: Project) -> None:
    folder = project.folder / SRC / "model/bottlenecks"
    for ending in (".py", "_settings.py"):
        text = (folder / f"deterministic{ending}").read_text()
        for old, new in (("deterministic", "halved"), ("Deterministic", "Halved")):
            text = text.replace(old, new)
        (folder / f"halved{ending}").write_text(text.replace("return latent", "return latent / 2"))
    try:
        assert project.planned() == set()
        arm = {"features": "occupancy", "bottleneck": {"kind": "halved"}}
        project.configure({"arms": {"halved": arm}})
        assert project.planned() == trained("halved") | {"Interpolating halved"} | REPORT
    finally:
        project.configure({})
        for ending in (".py", "_settings.py"):
            (folder / f"halved{ending}").unlink()
