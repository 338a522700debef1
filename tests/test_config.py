"""config.yaml: defaults, mistakes in one line each, and what each stage reads of it."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from hexplane.config import Config, parse_config
from hexplane.plan import MOST_DIAGNOSED, MOST_INPUTS, Plan, code_param, spec_param
from hexplane.plumbing.digests import code_digest
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.parse import parse_spec
from hexplane.settings.render import RenderSettings
from hexplane.settings.train import TrainSettings

ARMS = {
    "ae": {"features": "depth_normal", "bottleneck": {"kind": "deterministic"}},
    "vae": {"features": "occupancy", "bottleneck": {"kind": "gaussian", "kl_weight": 1e-4}},
}


PRESETS = {
    "config": {"repeats", "hypotheses"},
    "training": {"optimiser", "schedule"},
    "evaluation": {"heads"},
}
"""Keys that config.yaml may leave to presets and their authors."""


def _config(**parts):
    return parse_config({"arms": copy.deepcopy(ARMS), **parts})


def _mistakes(**parts) -> list[str]:
    with pytest.raises(UserError) as caught:
        _config(**parts)
    return str(caught.value).splitlines()


@pytest.fixture(scope="module")
def shipped(root):
    return yaml.safe_load((root / "config.yaml").read_text())


def test_shipped_config_is_valid_and_complete(shipped):
    config = parse_config(copy.deepcopy(shipped))
    assert set(type(config).model_fields) - set(shipped) <= PRESETS["config"]
    for part in ("meshes", "split", "render", "distances", "model", "training", "extraction",
                 "evaluation"):  # fmt: skip
        missing = set(type(getattr(config, part)).model_fields) - set(shipped[part])
        assert missing <= PRESETS.get(part, set()), part


def test_shipped_values_are_the_defaults(shipped):
    shown = parse_config(shipped).model_dump()
    default = parse_config({"arms": shipped["arms"]}).model_dump()
    assert shown == default


def test_shipped_arms_are_the_four_of_the_question(shipped):
    arms = parse_config(shipped).arms
    assert {(arm.features, arm.bottleneck.kind) for arm in arms.values()} >= {
        (features, kind)
        for features in ("occupancy", "depth_normal")
        for kind in ("deterministic", "gaussian")
    }


def test_every_preset_is_valid_on_top_of_the_shipped_config(root, shipped):
    presets = sorted((root / "workflow/presets").glob("*.yaml"))
    assert presets
    for path in presets:
        # As Snakemake does: groups are merged, all else is replaced.
        values = copy.deepcopy(shipped)
        update_config(values, yaml.safe_load(path.read_text()))
        plan = Plan(parse_config(values), root)
        assert plan.runs, path
        for run in plan.runs:
            assert plan.train(run)
            assert plan.training_heads(run)


def test_schema_describes_every_key():
    schema = Config.model_json_schema()
    assert set(schema["properties"]) >= {"seed", "meshes", "training", "arms"}
    for group in schema["$defs"].values():
        for name, key in group["properties"].items():
            assert key.get("description"), name


def _arm(**changes):
    return {"arms": {"ae": {**ARMS["ae"], **changes}}}


@pytest.mark.parametrize(
    ("parts", "key", "says"),
    [
        ({"sede": 1}, "config", ["'sede'", "allowed: study, seed, meshes, split"]),
        ({"meshes": {"fils": []}}, "meshes", ["'fils'", "files", "generate", "up"]),
        ({"split": {"tset": 0.1}}, "split", ["'tset'", "validation, test"]),
        ({"render": {"res": 64}}, "render", ["'res'", "resolution, backend"]),
        ({"distances": {"far": 1}}, "distances", ["'far'", "near, uniform, spread"]),
        ({"model": {"width": 8}}, "model", ["'width'", "widths"]),
        ({"training": {"lr": 1}}, "training", ["'lr'", "learning_rate"]),
        ({"extraction": {"levl": 0.5}}, "extraction", ["'levl'", "level"]),
        ({"evaluation": {"sample": 5}}, "evaluation", ["'sample'", "samples"]),
        (_arm(feature="x"), "arms.ae", ["'feature'", "features"]),
        (_arm(training={"step": 5}), "arms.ae.training", ["'step'", "steps"]),
        (_arm(model={"width": 5}), "arms.ae.model", ["'width'", "widths"]),
        (
            _arm(bottleneck={"kind": "deterministic", "kl_weight": 0.1}),
            "arms.ae.bottleneck",
            ["'kl_weight'", "allowed: kind"],
        ),
        # wrong types
        ({"seed": "one"}, "seed", ["integer", "'one'"]),
        ({"training": {"steps": 1.5}}, "training.steps", ["integer", "1.5"]),
        ({"meshes": {"files": "a.obj"}}, "meshes.files", ["list", "'a.obj'"]),
        ({"render": 3}, "render", ["3"]),
        # out of range
        ({"seed": -1}, "seed", ["greater than or equal to 0", "-1"]),
        ({"render": {"resolution": 8}}, "render.resolution", ["16", "8"]),
        ({"split": {"test": 1.0}}, "split.test", ["less than 1"]),
        ({"split": {"test": -1}}, "split.test", ["-1", "how many heads", "list of names"]),
        ({"split": {"test": 1.5}}, "split.test", ["less than 1", "1.5"]),
        ({"split": {"test": "head-001"}}, "split.test", ["'head-001'", "list of names"]),
        ({"meshes": {"generate": -1}}, "meshes.generate", ["greater than or equal to 0"]),
        *(
            (
                {"evaluation": {"files": {family: ["a.ply"]}}},
                f"evaluation.files.{family}",
                ["letters, digits", "taken: train, validation, test, held_out"],
            )
            for family in ("train", "validation", "test", "held_out", "a b", "../x")
        ),
        (
            {"evaluation": {"files": {"ict": []}}},
            "evaluation.files.ict",
            ["at least 1 item", "[]"],
        ),
        ({"evaluation": {"files": ["a.ply"]}}, "evaluation.files", ["dictionary"]),
        ({"extraction": {"level": 0}}, "extraction.level", ["greater than 0"]),
        ({"meshes": {"up": "x"}}, "meshes.up", ["'y' or 'z'", "'x'"]),
        ({"render": {"backend": "cuda"}}, "render.backend", ["'auto'", "'embree'", "'cuda'"]),
        (_arm(training={"steps": 0}), "arms.ae.training.steps", ["1", "0"]),
        (_arm(features="depth"), "arms.ae.features", ["'occupancy', 'depth_normal'"]),
        (
            _arm(likelihood="gauss"),
            "arms.ae.likelihood",
            ["'fitted', 'mse', 'sse', 'learned_sigma' or 'bernoulli'", "'gauss'"],
        ),
        (
            _arm(likelihood="bernoulli"),
            "arms.ae.likelihood",
            ["depth_normal", "allowed: fitted, mse, sse, learned_sigma"],
        ),
        (
            _arm(field="sdf", training={"sdf_weight": 0}),
            "arms.ae.field",
            ["training.sdf_weight", "allowed: fusion"],
        ),
        (
            _arm(model={"kind": "triplane"}),
            "arms.ae.field",
            ["fusion needs views", "model.kind triplane decodes none", "allowed: sdf"],
        ),
        (
            _arm(model={"kind": "triplane"}, field="sdf", training={"sdf_weight": 0}),
            "arms.ae.field",
            ["training.sdf_weight", "(allowed: a weight above 0)"],
        ),
        (
            _arm(model={"kind": "triplane"}, field="sdf", training={"snapshots": [3]}),
            "arms.ae.training.snapshots",
            ["they show views", "model.kind triplane decodes none", "allowed: []"],
        ),
        (
            _arm(model={"kind": "triplane", "latent_resolution": 48}, field="sdf"),
            "arms.ae.model.latent_resolution",
            ["48", "render.resolution 128"],
        ),
        (
            _arm(model={"kind": "triplane", "plane_resolution": 20}, field="sdf"),
            "arms.ae.model",
            ["plane_resolution 20", "multiple of 8"],
        ),
        (_arm(heads=0), "arms.ae.heads", ["greater than or equal to 1", "0"]),
        (
            _arm(bottleneck={"kind": "gaussian", "kl_reduction": "max"}),
            "arms.ae.bottleneck.kl_reduction",
            ["'sum' or 'mean'", "'max'"],
        ),
        (
            _arm(bottleneck={"kind": "gaussian", "free_bits": -1}),
            "arms.ae.bottleneck.free_bits",
            ["greater than or equal to 0", "-1"],
        ),
        ({"repeats": 0}, "repeats", ["greater than or equal to 1"]),
        ({"training": {"optimiser": "sgd"}}, "training.optimiser", ["'muon' or 'adam'"]),
        ({"training": {"schedule": "cosine"}}, "training.schedule", ["'linear' or 'constant'"]),
        ({"arms": {"ae": None}}, "arms", ["at least 1"]),
        ({"arms": {"ae@1": ARMS["ae"]}}, "arms.ae@1", ["letters, digits"]),
        (
            _arm(bottleneck={"kind": "normal"}),
            "arms.ae.bottleneck",
            ["'normal'", "allowed: deterministic, fsq, gaussian, noise)"],
        ),
        ({"arms": {}}, "arms", ["at least 1"]),
        ({"arms": {"a b": ARMS["ae"]}}, "arms.a b", ["letters, digits"]),
        ({"arms": {"oracle-x": ARMS["ae"]}}, "arms.oracle-x", ["taken"]),
        ({"arms": {"../x": ARMS["ae"]}}, "arms.../x", ["letters, digits"]),
    ],
)
def test_each_mistake_is_one_line_with_its_key_and_what_is_allowed(parts, key, says):
    (line,) = _mistakes(**parts)
    assert line.startswith(f"{key}: "), line
    for word in says:
        assert word in line


def test_all_mistakes_at_once():
    lines = _mistakes(seed=-1, render={"resolution": 8}, training={"stepz": 1})
    assert [line.split(":")[0] for line in lines] == ["seed", "render.resolution", "training"]


def test_missing_arms():
    with pytest.raises(UserError, match=r"^arms: field required$"):
        parse_config({})


def test_render_resolution_must_fit_every_arm():
    (line,) = _mistakes(render={"resolution": 48})
    assert line.startswith("model.latent_resolution: 32 does not fit render.resolution 48")
    own = {"ae": {**ARMS["ae"], "model": {"latent_resolution": 10}}}
    (line,) = _mistakes(arms=own)
    assert line.startswith("arms.ae.model.latent_resolution: 10 does not fit render.resolution 128")
    assert _config(render={"resolution": 96}).render.resolution == 96


def test_spec_of_the_command_line():
    assert parse_spec(RenderSettings, "{resolution: 64}").resolution == 64
    assert parse_spec(RenderSettings, 'spec:{"resolution":64}').resolution == 64
    spec = TrainSettings(seed=4)
    assert parse_spec(TrainSettings, spec_param(spec)) == spec
    for text, says in (
        ("{res: 1}", r"^--spec: unknown key 'res' \(allowed: resolution, backend\)$"),
        ("{resolution: 1}", r"^--spec\.resolution: .*16.*$"),
        ("7", "expected key: value pairs"),
        ("{", "not readable"),
    ):
        with pytest.raises(UserError, match=says):
            parse_spec(RenderSettings, text)


def test_spec_is_read_from_a_file(tmp_path):
    file = tmp_path / "spec.json"
    for text in ("{resolution: 64}", "resolution: 64\n", 'spec:{"resolution":64}'):
        file.write_text(text)
        assert parse_spec(RenderSettings, f"@{file}") == RenderSettings(resolution=64)
    # What is wrong in it is said as of the option itself.
    file.write_text("{res: 1}")
    with pytest.raises(UserError, match=r"^--spec: unknown key 'res' \(allowed: resolution, "):
        parse_spec(RenderSettings, f"@{file}")


def test_a_spec_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    for name, says in (
        ("none.json", "no such file"),
        (".", "not a readable file"),
        ("bytes", "not UTF-8 text (byte 0)"),
    ):
        with pytest.raises(UserError) as caught:
            parse_spec(RenderSettings, f"@{tmp_path / name}")
        assert str(caught.value) == f"--spec: {tmp_path / name}: {says}"


def test_the_reports_settings_pass_every_length_of_a_command(tmp_path, monkeypatch):
    """Linux takes 128 KiB an argument; names of 2,000 heads are more."""
    names = [f"a_head_whose_name_is_quite_long_{i:05d}" for i in range(2000)]
    (tmp_path / "scans").mkdir()
    for name in names:
        (tmp_path / "scans" / f"{name}.obj").touch()
    monkeypatch.chdir(tmp_path)
    plan = _plan(tmp_path, meshes={"files": ["scans/*.obj"], "generate": 0})
    plan.write_lists({})
    settings = plan.paths.report_settings
    assert (tmp_path / settings).stat().st_size > 128 * 1024
    page = [plan.paths.page, plan.paths.summary, plan.paths.runs]
    command = [sys.executable, "-m", "hexplane", "report", "results/default", *page]
    done = subprocess.run(
        [*command, "--spec", f"@{settings}"], cwd=tmp_path, capture_output=True, text=True
    )
    # It was started, and went so far as to read what is not there.
    assert done.returncode == 1 and done.stderr.startswith("error: results/default/"), done.stderr
    assert done.stderr.count("\n") == 1


# Plan


def _plan(folder: Path = Path(), **parts) -> Plan:
    return Plan(_config(**parts), folder)


def _heads(count: int, **split) -> dict[str, list[str]]:
    return _plan(meshes={"generate": count}, split=split).split


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(1, (1, 0, 0)), (2, (2, 0, 0)), (8, (6, 1, 1)), (16, (12, 2, 2))],
)
def test_default_split_takes_an_eighth_each(count, sizes):
    split = _heads(count)
    assert tuple(len(split[part]) for part in ("train", "validation", "test")) == sizes
    names = [name for part in split.values() for name in part]
    assert sorted(names) == [f"head-{i:03d}" for i in range(count)]


def test_split_by_names_and_by_both():
    split = _heads(4, validation=["head-002"], test=["head-000", "head-003"])
    assert split == {
        "train": ["head-001"],
        "validation": ["head-002"],
        "test": ["head-000", "head-003"],
    }
    counted = _heads(432, validation=16, test=16)
    assert [len(counted[part]) for part in ("train", "validation", "test")] == [400, 16, 16]
    assert _heads(32, validation=8, test=4) == _heads(32, validation=0.25, test=0.125)
    assert len(_heads(4, validation=1, test=0)["validation"]) == 1  # a head, and no share of all
    mixed = _heads(4, validation=["head-002"], test=0.25)
    assert mixed["validation"] == ["head-002"]
    assert len(mixed["test"]) == 1
    assert "head-002" not in mixed["test"] + mixed["train"]


def test_split_depends_on_the_seed_and_not_on_other_heads():
    tests = {tuple(_plan(seed=seed, meshes={"generate": 16}).split["test"]) for seed in range(5)}
    assert len(tests) > 1
    # An added head takes at most its own place.
    small, large = set(_heads(16)["test"]), set(_heads(17)["test"])
    assert len(small - large) <= 1


@pytest.mark.parametrize(
    ("split", "says"),
    [
        ({"test": ["head-9"]}, r"^split\.test: no mesh named 'head-9' \(there are: head-000, "),
        (
            {"test": ["head-001"], "validation": ["head-001"]},
            r"^split\.\w+: 'head-001' is held out twice$",
        ),
        ({"test": ["head-001", "head-001"]}, "held out twice"),
        (
            {"test": ["head-000", "head-001"], "validation": ["head-002"]},
            "^split: no mesh left to train on: of 3, 1 go to validation and 2 to test$",
        ),
        ({"test": 0.9, "validation": 0.9}, "no mesh left to train on"),
        ({"test": 1, "validation": 16}, "no mesh left to train on: of 3, 2 go to validation and 1"),
    ],
)
def test_impossible_splits(split, says):
    with pytest.raises(UserError, match=says):
        _heads(3, **split)


def _touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    return folder


def test_two_stars_go_to_every_depth_and_never_among_results(tmp_path):
    for name in ("a.obj", "one/b.obj", "one/two/c.obj", "one/two/three/d.obj", "e.txt"):
        file = tmp_path / "deep" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    own = tmp_path / "results/default/meshes/b.obj"
    own.parent.mkdir(parents=True)
    own.touch()
    deep = {
        name: f"deep/{where}{name}.obj"
        for name, where in zip("abcd", ("", "one/", "one/two/", "one/two/three/"), strict=True)
    }
    for pattern in ("deep/**/*.obj", "**/*.obj"):
        assert _plan(tmp_path, meshes={"files": [pattern], "generate": 0}).sources == deep, pattern
    one = _plan(tmp_path, meshes={"files": ["deep/*/*.obj"], "generate": 0}).sources
    assert one == {"b": "deep/one/b.obj"}


def test_sources_by_pattern_and_name(tmp_path):
    _touch(tmp_path, "scans/b.obj", "scans/a.PLY", "scans/note.txt", "c.stl")
    files = ["scans/*.obj", "scans/*.PLY", "c.stl", "c.stl"]
    plan = _plan(tmp_path, meshes={"files": files, "generate": 0})
    assert plan.sources == {"b": "scans/b.obj", "a": "scans/a.PLY", "c": "c.stl"}
    assert plan.seeds == {}
    assert plan.heads == plan.meshes == ["b", "a", "c"]


def test_files_and_generated_heads_add_up(tmp_path):
    _touch(tmp_path, "a.obj")
    plan = _plan(tmp_path, seed=1, meshes={"files": ["a.obj"], "generate": 2, "up": "z"})
    assert plan.heads == ["a", "head-000", "head-001"]
    assert plan.seeds == {"head-000": 100_000, "head-001": 100_001}
    assert sorted(name for part in plan.split.values() for name in part) == plan.heads
    ups = {mesh: plan.normalise(mesh).up for mesh in plan.heads}
    assert ups == {"a": "z", "head-000": "y", "head-001": "y"}  # generated ones always are y-up
    # Heads that are generated keep their seeds, whatever joins them.
    assert plan.generate("head-001") == _plan(seed=1).generate("head-001")


def test_no_heads_at_all_is_a_mistake():
    with pytest.raises(UserError, match=r"^meshes: no heads \(allowed: some files, or generate"):
        _plan(meshes={"generate": 0}).split  # noqa: B018


def test_other_families_are_evaluated_and_in_no_part_of_the_split(tmp_path, monkeypatch):
    _touch(tmp_path, "a.obj", "ict/i.ply", "ict/j.ply", "old/k.off")
    files = {"ict": ["ict/*.ply"], "old": ["old/*"]}
    plan = _plan(tmp_path, meshes={"files": ["a.obj"]}, evaluation={"files": files})
    assert plan.others == {"ict": ["i", "j"], "old": ["k"]}
    assert plan.meshes == [*plan.heads, "i", "j", "k"]
    assert plan.sources["k"] == "old/k.off"
    assert sorted(sum(plan.split.values(), [])) == plan.heads
    assert plan.split == _plan(tmp_path, meshes={"files": ["a.obj"]}).split
    assert {"i", "j", "k"} <= set(plan.judged)
    for run in plan.runs:
        assert not {"i", "j", "k"} & {*plan.training_heads(run), *plan.watched}
        assert not {"i", "j", "k"} & set(sum(plan.diagnosed(run).values(), []))
    assert not {"i", "j", "k"} & set(plan.interpolated)
    # They are evaluated whichever of the study's own heads are, and each of them once.
    one = _plan(tmp_path, evaluation={"files": files, "heads": ["j", "head-000"]})
    assert sorted(one.evaluated) == ["head-000", "i", "j", "k"]
    assert one.report().groups == {**one.split, **one.others}
    monkeypatch.chdir(tmp_path)
    given = {"arms": {"dropped": None}}
    plan.write_lists(given)
    assert json.loads((tmp_path / plan.paths.config).read_text()) == given
    written = json.loads((tmp_path / plan.paths.split).read_text())
    assert written == {**plan.split, "others": plan.others}


def test_heads_of_the_test_alone_can_be_evaluated(tmp_path):
    _touch(tmp_path, "ict/i.ply")
    files = {"ict": ["ict/*.ply"]}
    evaluation = {"heads": "test", "files": files}
    plan = _plan(tmp_path, meshes={"generate": 9}, split={"test": 3}, evaluation=evaluation)
    assert len(plan.split["test"]) == 3
    assert plan.evaluated == [*plan.split["test"], "i"]


def test_rates_are_measured_where_there_are_some_and_beside_rivals():
    assert _plan().rated == {}
    plan = _plan(meshes={"generate": 3}, evaluation={"rates": [512, 64]})
    assert plan.rated == dict.fromkeys([*plan.arms, "draco", "mean", "parameters"], plan.evaluated)
    assert plan.parameters("head-002").head == plan.generate("head-002").seed
    assert plan.rates("ae").budgets == plan.measured().budgets == (64, 512)
    bent = _plan(meshes={"generate": 3, "vary": 0.5}, evaluation={"rates": [64]})
    assert "parameters" not in bent.rated and bent.generate("head-000").vary == 0.5
    assert plan.rates("ae").thresholds == plan.evaluate().thresholds
    assert plan.evaluate() == _plan().evaluate()  # nothing else is measured anew


def test_arms_with_a_prior_draw_heads_where_some_are_asked_for():
    assert _plan().drawn == []
    linear = {**ARMS["ae"], "field": "sdf", "model": {"kind": "linear"}}
    fsq = {**ARMS["ae"], "bottleneck": {"kind": "fsq"}}
    arms = {**ARMS, "linear": linear, "fsq": fsq}
    plan = _plan(arms=arms, draws={"count": 5, "temperature": 0.5}, seed=3)
    assert plan.drawn == ["vae", "linear", "fsq"] == plan.report().drawn
    own = plan.draw("linear")
    assert (own.count, own.temperature, own.seed, own.field) == (5, 0.5, 3, "sdf")
    held_out = [*plan.split["validation"], *plan.split["test"]]
    assert plan.novelty("vae").heads == {"train": plan.split["train"], "held_out": held_out}
    few = {**arms, "vae": {**ARMS["vae"], "heads": 1}}
    one = _plan(arms=few, draws={"count": 5})
    assert one.novelty("vae").heads["train"] == one.split["train"][:1]
    assert spec_param(plan.train("vae")) == spec_param(_plan(seed=3).train("vae"))


@pytest.mark.parametrize(
    ("draws", "says"),
    [
        ({"count": -1}, "draws.count: input should be greater than or equal to 0 (got -1)"),
        (
            {"temperature": 11},
            "draws.temperature: input should be less than or equal to 10 (got 11)",
        ),
        ({"seed": 1}, "draws: unknown key 'seed' (allowed: temperature, count)"),
    ],
)
def test_bad_draws_are_one_line(draws, says):
    assert _mistakes(draws=draws) == [says]


@pytest.mark.parametrize("rates", [[0], [64, 64], [2**28 + 1], ["many"], 64])
def test_sizes_are_whole_numbers_each_once(rates):
    with pytest.raises(UserError, match=r"^evaluation\.rates"):
        _config(evaluation={"rates": rates})


def test_the_mean_is_of_no_more_heads_than_it_needs():
    plan = _plan(meshes={"generate": 100}, split={"test": 4, "validation": 4})
    assert plan.averaged == plan.split["train"][:64]


def test_only_generated_heads_have_parameters(tmp_path):
    _touch(tmp_path, "a.obj")
    evaluation = {"rates": [64]}
    plan = _plan(tmp_path, meshes={"files": ["a.obj"], "generate": 2}, evaluation=evaluation)
    assert plan.rated["draco"] == ["a", "head-000", "head-001"]
    assert plan.rated["parameters"] == ["head-000", "head-001"]
    plan = _plan(tmp_path, meshes={"files": ["a.obj"], "generate": 0}, evaluation=evaluation)
    assert "parameters" not in plan.rated


@pytest.mark.parametrize("name", ["draco", "mean", "parameters"])
def test_no_arm_has_a_rivals_name(name):
    with pytest.raises(UserError, match=f"'{name}' is taken: a rival"):
        _config(arms={name: ARMS["ae"]})


def test_a_head_of_another_family_is_no_other_head(tmp_path):
    _touch(tmp_path, "a.obj", "ict/a.ply", "b.obj", "head-007.ply")

    def refused(**parts) -> str:
        with pytest.raises(UserError) as caught:
            _plan(tmp_path, **parts).split  # noqa: B018
        return str(caught.value)

    own = {"files": ["a.obj", "b.obj"]}
    assert refused(meshes=own, evaluation={"files": {"ict": ["b.obj"]}}) == (
        "evaluation.files.ict: b.obj stands under meshes.files as well (allowed: one of them)"
    )
    assert refused(meshes=own, evaluation={"files": {"ict": ["ict/*"]}}).startswith(
        "evaluation.files.ict: a.obj and ict/a.ply share the name 'a'"
    )
    assert refused(evaluation={"files": {"x": ["b.obj"], "y": ["b.obj"]}}).startswith(
        "evaluation.files.y: b.obj stands under evaluation.files.x as well"
    )
    for parts in ({"meshes": {"files": ["*.ply"]}}, {"evaluation": {"files": {"x": ["*.ply"]}}}):
        assert "head-007.ply has the name of a generated head: rename it" in refused(**parts)
    assert refused(evaluation={"files": {"x": ["none*"], "y": ["none/*"]}}) == (
        "evaluation.files.x: no file matches 'none*'\nevaluation.files.y: no file matches 'none/*'"
    )


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (["scans/*.glb"], r"^meshes\.files: no file matches 'scans/\*\.glb'$"),
        (["scans/*.obj", "other/a.ply"], r"scans/a\.obj and other/a\.ply share the name 'a'"),
        (["scans/note.txt"], r"unknown mesh format \(allowed: \.obj \.ply \.stl \.glb \.off\)"),
        (["scans/a b.off"], r"scans/a b\.off: rename it"),
    ],
)
def test_unusable_sources(tmp_path, files, says):
    _touch(tmp_path, "scans/a.obj", "other/a.ply", "scans/note.txt", "scans/a b.off")
    with pytest.raises(UserError, match=says):
        _plan(tmp_path, meshes={"files": files}).meshes  # noqa: B018


def test_seeds_of_heads_are_all_different():
    seeds = [
        seed
        for base in range(3)
        for seed in _plan(seed=base, meshes={"generate": 50}).seeds.values()
    ]
    assert len(set(seeds)) == 150
    assert _plan(seed=1, meshes={"generate": 2}).generate("head-001").seed == seeds[51]


def test_oracles_of_the_arms():
    arms = {**ARMS, "ae-sdf": {**ARMS["ae"], "field": "sdf"}}
    plan = _plan(arms=arms)
    assert plan.oracle("ae") == "oracle-depth_normal"
    assert plan.oracle("vae") == "oracle-occupancy"
    assert plan.oracle("ae-sdf") == "oracle-sdf"
    assert plan.oracles == ["oracle-depth_normal", "oracle-occupancy", "oracle-sdf"]
    for name, (field, features) in {
        "oracle-occupancy": ("fusion", "occupancy"),
        "oracle-depth_normal": ("fusion", "depth_normal"),
        "oracle-sdf": ("sdf", "depth_normal"),
    }.items():
        spec = plan.extract_oracle(name)
        assert (spec.field, spec.features) == (field, features)


@pytest.mark.parametrize(
    ("features", "oracle"),
    [("normal", "oracle-occupancy"), ("dithered", "oracle-dithered")],
)
def test_oracles_of_the_controls(features, oracle):
    # Normals alone are extracted by silhouettes; a dithered input's depth by its own differences.
    plan = _plan(arms={"arm": {**ARMS["ae"], "features": features}})
    assert plan.oracles == [oracle]
    assert f"oracle-{plan.extract_oracle(oracle).features}" == oracle


# Runs


def test_a_dropped_arm_is_as_if_it_had_never_been_there():
    dropped = _config(arms={**ARMS, "vae": None})
    assert dropped == _config(arms={"ae": ARMS["ae"]})


def test_an_arm_without_keys_is_not_dropped():
    lines = _mistakes(arms={"ae": ARMS["ae"], "bare": {}})
    assert lines == [f"arms.bare.{key}: field required" for key in ("features", "bottleneck")]


def test_repeats_are_runs_of_their_own_seed():
    plan = _plan(seed=5, repeats=3)
    assert plan.runs == {
        f"{arm}{suffix}": (arm, seed)
        for arm in ("ae", "vae")
        for suffix, seed in (("", 5), ("@1", 6), ("@2", 7))
    }
    first, second = plan.train("vae"), plan.train("vae@1")
    assert second == first.model_copy(update={"seed": 6})
    # The first run stays what it was; heads, split and samples too.
    once = _plan(seed=5)
    assert spec_param(once.train("vae")) == spec_param(first)
    assert once.split == plan.split
    assert once.distances() == plan.distances()


def test_heads_of_an_arm_are_the_first_of_the_training_heads():
    arms = {**ARMS, "one": {**ARMS["vae"], "heads": 1}, "many": {**ARMS["vae"], "heads": 99}}
    plan = _plan(arms=arms, repeats=2)
    assert len(plan.split["train"]) == 6
    assert plan.training_heads("one") == plan.training_heads("one@1") == plan.split["train"][:1]
    assert plan.training_heads("many") == plan.training_heads("ae") == plan.split["train"]
    # Otherwise they are trained alike.
    assert plan.train("one") == plan.train("vae")


def test_evaluated_heads_are_all_or_those_named():
    assert _plan().evaluated == _plan().meshes
    chosen = ["head-003", "head-000"]
    assert _plan(evaluation={"heads": chosen}).evaluated == chosen
    with pytest.raises(UserError, match=r"^evaluation\.heads: no mesh named 'nobody' \(there are"):
        _plan(evaluation={"heads": ["nobody"]}).evaluated  # noqa: B018


def test_diagnosed_heads_are_the_held_out_ones_and_as_many_training_heads():
    arms = {**ARMS, "one": {**ARMS["vae"], "heads": 1}}
    plan = _plan(meshes={"generate": 16}, arms=arms)
    held_out = plan.split["validation"] + plan.split["test"]
    assert len(held_out) == 4
    assert plan.diagnosed("ae") == {"train": plan.split["train"][:4], "held_out": held_out}
    assert plan.diagnosed("one") == {"train": plan.split["train"][:1], "held_out": held_out}
    alone = _plan(meshes={"generate": 3}, split={"validation": 0, "test": 0})
    assert alone.diagnosed("ae") == {"train": alone.split["train"][:1], "held_out": []}
    most = _plan(meshes={"generate": 50}, split={"test": 0.4})
    assert [len(names) for names in most.diagnosed("ae").values()] == [16, 16]


def test_oracles_are_measured_wherever_an_arm_is():
    plan = _plan(meshes={"generate": 16}, evaluation={"heads": ["head-007"]})
    diagnosed = [name for part in plan.diagnosed("ae").values() for name in part]
    assert sorted(plan.judged) == sorted({"head-007", *diagnosed})
    assert len(plan.judged) == len(set(plan.judged))


def test_evaluated_heads_are_no_setting_of_the_measurement():
    before, after = _plan(), _plan(evaluation={"heads": ["head-000"]})
    assert spec_param(before.evaluate()) == spec_param(after.evaluate())
    assert spec_param(before.diagnose("ae")) == spec_param(after.diagnose("ae"))
    assert spec_param(before.report()) != spec_param(after.report())


def _params(**parts) -> dict[str, str]:
    plan = _plan(**parts)
    specs = {
        "generate": plan.generate("head-000"),
        "normalise": plan.normalise("head-000"),
        "render": plan.config.render,
        "distances": plan.distances(),
        "evaluate": plan.evaluate(),
        "report": plan.report(),
    }
    specs |= {f"train {run}": plan.train(run) for run in plan.runs}
    specs |= {f"diagnose {run}": plan.diagnose(run) for run in plan.runs}
    specs |= {f"extract {arm}": plan.extract(arm) for arm in plan.arms}
    specs |= {name: plan.extract_oracle(name) for name in plan.oracles}
    return {name: spec_param(spec) for name, spec in specs.items()}


TRAIN = {"train ae", "train vae"}
DIAGNOSE = {"diagnose ae", "diagnose vae"}
EXTRACT = {"extract ae", "extract vae", "oracle-occupancy", "oracle-depth_normal"}
OTHER_KL = {**ARMS, "vae": {**ARMS["vae"], "bottleneck": {"kind": "gaussian", "kl_weight": 1e-3}}}


@pytest.mark.parametrize(
    ("parts", "changed"),
    [
        ({"render": {"resolution": 64}}, {"render"}),
        ({"distances": {"near": 10}}, {"distances"}),
        ({"distances": {"spread": 0.02}}, {"distances"}),
        ({"model": {"latent_channels": 2}}, TRAIN),
        ({"training": {"steps": 5}}, TRAIN),
        ({"training": {"learning_rate": 0.001}}, TRAIN),
        ({"extraction": {"level": 0.4}}, EXTRACT | DIAGNOSE),
        ({"extraction": {"islands": 0.4}}, EXTRACT | DIAGNOSE),
        ({"evaluation": {"samples": 500}}, {"evaluate", *DIAGNOSE}),
        ({"evaluation": {"heads": ["head-001"]}}, set()),
        ({"split": {"test": 0.5}}, DIAGNOSE),
        ({"meshes": {"generate": 9}}, DIAGNOSE),  # one more head to train on
        ({"seed": 7}, {"generate", "distances", "evaluate", *TRAIN, *DIAGNOSE}),
        ({"training": {"optimiser": "adam"}}, TRAIN),
        ({"training": {"schedule": "constant"}}, TRAIN),
        ({"training": {"precision": "bfloat16"}}, TRAIN),
        (
            {"arms": {**ARMS, "vae": {**ARMS["vae"], "likelihood": "bernoulli"}}},
            {"train vae"},
        ),
        ({"arms": {**ARMS, "vae": {**ARMS["vae"], "heads": 1}}}, {"diagnose vae"}),
        ({"arms": OTHER_KL}, {"train vae"}),
        (
            {"arms": {**ARMS, "vae": {**ARMS["vae"], "training": {"steps": 9}}}},
            {"train vae"},
        ),
        (
            {"arms": {**ARMS, "vae": {**ARMS["vae"], "model": {"widths": [8]}}}},
            {"train vae"},
        ),
    ],
)
def test_a_key_changes_the_settings_of_the_stages_that_read_it(parts, changed):
    before, after = _params(), _params(**parts)
    assert before.keys() == after.keys()
    assert {name for name in before if before[name] != after[name]} == changed | {"report"}


def test_own_keys_of_an_arm_win_over_the_shared_ones():
    arms = {**ARMS, "vae": {**ARMS["vae"], "training": {"steps": 9}}}
    config = _config(arms=arms, training={"steps": 5, "batch": 2})
    assert (config.training_of("vae").steps, config.training_of("vae").batch) == (9, 2)
    assert config.training_of("ae").steps == 5


def test_params_carry_their_kind():
    assert spec_param(RenderSettings()) == 'spec:{"backend":"auto","resolution":128}'
    assert code_param("render") == "code:" + code_digest("hexplane.stages.render")


def test_where_a_training_runs_changes_no_settings_at_all():
    assert _params() == _params(hardware={"cache_gb": 0.5})


def test_few_heads_are_watched_however_many_there_are():
    plan = _plan(meshes={"generate": 300})
    assert len(plan.split["validation"]) == 38
    assert plan.watched == plan.split["validation"][:MOST_DIAGNOSED]
    assert plan.inputs("ae") == plan.split["train"][:MOST_INPUTS]


def test_what_verification_misses_is_what_the_rules_make(tmp_path):
    """With a fitted arm and with rates: distances that nobody reads are no result."""
    _touch(tmp_path, "a.obj", "b.obj", "c.obj", "d.obj", "e.obj")
    linear = {
        "features": "depth_normal",
        "bottleneck": {"kind": "deterministic"},
        "field": "sdf",
        "model": {"kind": "linear"},
    }
    own = {
        "meshes": {"files": ["*.obj"], "generate": 0},
        "split": {"validation": ["c"], "test": ["d"]},
        "arms": {"one": linear},
        "evaluation": {"heads": "test", "rates": [256, 1024]},
        "draws": {"count": 2},
    }
    planned = set(Plan(parse_config(own), tmp_path).results)
    every = ("meshes/{}.json", "hexplanes/{}.manifest.json")
    expected = {name.format(mesh) for name in every for mesh in "abcde"}
    expected |= {f"sdf/{mesh}.manifest.json" for mesh in "abcd"}  # of the training heads, two
    expected |= {"models/one/manifest.json", "diagnostics/one.json", "report/index.json"}
    expected |= {"latents/one/d.manifest.json", "reconstructions/one/d.json"}
    expected |= {f"reconstructions/oracle-sdf/{mesh}.json" for mesh in "abcd"}
    expected |= {f"metrics/oracle-sdf/{mesh}.json" for mesh in "abcd"}
    expected |= {"metrics/one/d.json", "rates/mean.json"}
    expected |= {"draws/one/manifest.json", "draws/one/novelty.json"}
    expected |= {f"rates/{method}/d.json" for method in ("one", "draco", "mean")}
    assert planned == {f"results/default/{name}" for name in expected}
