"""Bad settings: each mistake is one line in the user's words, wherever the settings come from."""

import copy
import json
import math
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from hexplane.config import Config, parse_config
from hexplane.plan import Plan
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.parse import MOST_LINES, parse_spec
from hexplane.plumbing.paths import Layout
from hexplane.plumbing.settings import Settings
from hexplane.plumbing.texts import MOST_BYTES, parse_json, parse_yaml, read_yaml
from hexplane.settings.render import RenderSettings

ARM = {"features": "depth_normal", "bottleneck": {"kind": "deterministic"}}
GAUSSIAN = {"features": "occupancy", "bottleneck": {"kind": "gaussian"}}


def told(**parts) -> list[str]:
    with pytest.raises(UserError) as caught:
        Plan(parse_config({"arms": {"ae": copy.deepcopy(ARM)}, **parts}), Path()).split  # noqa: B018
    return str(caught.value).split("\n")


@pytest.mark.parametrize(
    ("parts", "key", "says"),
    [
        (
            {"training": {"clip_norm": math.inf}},
            "training.clip_norm",
            "input should be a finite number (got inf)",
        ),
        (
            {"evaluation": {"thresholds": [0.01, math.nan]}},
            "evaluation.thresholds.1",
            "input should be a finite number (got nan)",
        ),
        (
            {"evaluation": {"thresholds": [0.01, -0.02]}},
            "evaluation.thresholds.1",
            "input should be greater than 0 (got -0.02)",
        ),
        (
            {"evaluation": {"thresholds": [0.01, 0.02, 0.01]}},
            "evaluation.thresholds",
            "0.01 is there twice",
        ),
        ({"seed": True}, "seed", "input should be a number, not true or false (got True)"),
        (
            {"training": {"steps": False}},
            "training.steps",
            "input should be a number, not true or false (got False)",
        ),
        (
            {"evaluation": {"thresholds": [0.01, True]}},
            "evaluation.thresholds",
            "input should be a number, not true or false (got [0.01, True])",
        ),
        (
            {"distances": {"near": 0, "uniform": 0}},
            "distances",
            "near and uniform are both 0 (allowed: one of them above 0)",
        ),
        (  # metrics are named by six digits
            {"evaluation": {"thresholds": [0.01, 0.010000001]}},
            "evaluation.thresholds",
            "0.01 is there twice",
        ),
        (
            {"evaluation": {"samples": 1e30}},
            "evaluation.samples",
            "input should be a smaller number (got 1e+30)",
        ),
        (
            {"distances": {"near": 1e30}},
            "distances.near",
            "input should be a smaller number (got 1e+30)",
        ),
        (
            {"seed": 10**14},
            "seed",
            "input should be less than or equal to 2147483647 (got 100000000000000)",
        ),
        (
            {"training": {"batch": 10**18}},
            "training.batch",
            "input should be less than or equal to 65536 (got 1000000000000000000)",
        ),
        (
            {"split": {"test": 1.0}},
            "split.test",
            "1.0 (allowed: a share less than 1, how many heads, or a list of names)",
        ),
        (
            {"split": {"test": math.nan}},
            "split.test",
            "nan (allowed: a share less than 1, how many heads, or a list of names)",
        ),
        ({"split": {"test": ["a", 3]}}, "split.test.1", "input should be a valid string (got 3)"),
        (
            {"evaluation": {"heads": 3}},
            "evaluation.heads",
            "input should be 'all' or 'test', or a valid list (got 3)",
        ),
        (
            {"evaluation": {"heads": ["a", 3]}},
            "evaluation.heads.1",
            "input should be a valid string (got 3)",
        ),
        ({"evaluation": {"heads": ["a", "b", "a"]}}, "evaluation.heads", "'a' is there twice"),
        (
            {"meshes": {"files": ["a.obj", "b\0.obj"]}},
            "meshes.files.1",
            "'b\\x00.obj' is no file name: it is empty or has control characters",
        ),
        (
            {"arms": {"summary.csv": ARM}},
            "arms.summary.csv",
            "'summary.csv' is taken: a table beside the arms' folders has that name",
        ),
        (
            {"arms": {"runs.csv": ARM}},
            "arms.runs.csv",
            "'runs.csv' is taken: a table beside the arms' folders has that name",
        ),
        (
            {"arms": {"oracle-sdf": ARM}},
            "arms.oracle-sdf",
            "names that begin with 'oracle-' are taken",
        ),
        (
            {"arms": {"a\nb": ARM}},
            "arms.'a\\nb'",
            "use letters, digits, '.', '_' and '-', and begin with one of the first two",
        ),
        (
            {"arms": {7: ARM}},
            "arms.7",
            "input should be a valid string (got 7)",
        ),
        (
            {"study": "models"},
            "study",
            "'models' is taken: a folder of each study has that name",
        ),
        (
            {"study": "paper"},
            "study",
            "'paper' is taken: what is written of all studies lies there",
        ),
        (
            {"study": "s" * 101},
            "study",
            f"string should have at most 100 characters (got '{'s' * 76}...)",
        ),
        (
            {"arms": {"vae": {**GAUSSIAN, "bottleneck": {"kind": "gaussian", "kl_cap": math.inf}}}},
            "arms.vae.bottleneck.kl_cap",
            "input should be a finite number (got inf)",
        ),
        (
            {"arms": {"ae": {**ARM, "training": {"learning_rate": math.nan}}}},
            "arms.ae.training.learning_rate",
            "input should be a finite number (got nan)",
        ),
        (
            {"arms": {"ae": {**ARM, "model": {"widths": [8, 10**9]}}}},
            "arms.ae.model.widths.1",
            "input should be less than or equal to 1024 (got 1000000000)",
        ),
        (
            {"training.steps": 3},
            "config",
            "unknown key 'training.steps' (allowed: " + ", ".join(Config.model_fields) + ")",
        ),
    ],
)
def test_one_line_a_mistake_in_the_users_words(parts, key, says):
    assert told(**parts) == [f"{key}: {says}"]


def test_mistakes_of_several_arms_are_told_at_once():
    arms = {
        "a": {**ARM, "training": {"steps": 0}},
        "b": {**ARM, "model": {"widths": []}},
        "c": {**ARM, "field": "sdf", "training": {"sdf_weight": 0}},
    }
    lines = told(arms=arms)
    assert [line.split(": ")[0] for line in lines] == [
        "arms.a.training.steps",
        "arms.b.model.widths",
        "arms.c.field",
    ]


def test_a_wrong_name_is_told_beside_what_is_wrong_under_it():
    assert [line.split(": ")[0] for line in told(arms={"a b": {"features": "occupancy"}})] == [
        "arms.a b",
        "arms.a b.bottleneck",
    ]


def test_many_mistakes_are_counted():
    lines = told(split={"test": [3] * 1000})
    assert len(lines) == MOST_LINES + 1
    assert lines[-1] == f"and {1000 - MOST_LINES} more mistakes"


def every_number(group: type[BaseModel], path: str = "") -> list[str]:
    """Numbers in a schema without an upper bound, by key; and all that were looked at."""
    schema = group.model_json_schema()
    found = []

    def look(part, path):
        part = (
            {**schema["$defs"][part["$ref"].rsplit("/", 1)[1]], **part} if "$ref" in part else part
        )
        for name, key in part.get("properties", {}).items():
            look(key, f"{path}.{name}")
        for key in ("items", "additionalProperties"):
            if isinstance(part.get(key), dict):
                look(part[key], f"{path}[]")
        for kind in ("anyOf", "oneOf"):
            for branch in part.get(kind, []):
                look(branch, path)
        if part.get("type") in ("number", "integer"):
            found.append((path, "maximum" in part or "exclusiveMaximum" in part))

    look(schema, path)
    return found


def test_every_number_of_the_configuration_has_an_upper_bound():
    found = every_number(Config)
    assert {".seed", ".training.steps", ".distances.spread", ".evaluation.thresholds[]"} <= {
        path for path, _ in found
    }
    # Hypotheses compare with any measure.
    unbounded = {path for path, bound in found if not bound and not path.startswith(".hypotheses")}
    assert unbounded == set()


@pytest.mark.parametrize("kind", [Config, *Settings.__subclasses__()])
def test_no_settings_take_infinity(kind):
    assert kind.model_config["allow_inf_nan"] is False


def test_the_largest_seeds_are_within_what_generators_take():
    from hexplane.plumbing.settings import MOST_NAMES, MOST_SEED

    values = {"arms": {"ae": ARM}, "seed": MOST_SEED, "repeats": 100}
    plan = Plan(parse_config({**values, "meshes": {"generate": MOST_NAMES}}), Path())
    last = plan.generate(plan.meshes[-1]).seed
    assert last == 100_000 * MOST_SEED + MOST_NAMES - 1
    largest = max(plan.train(run).seed for run in plan.runs)
    assert largest == MOST_SEED + 99
    assert largest * 1_000_003 + 100_000_000 < 2**63  # training/loop.py seeds torch by the step


def test_reserved_studies_are_the_folders_of_a_study():
    layout = Layout("r")
    folders = {Path(path).parts[1] for path in layout.manifests} | {"plan", "logs", "benchmarks"}
    for name in folders:
        (line,) = told(study=name)
        assert line.startswith(f"study: {name!r} is taken")


def test_numbers_of_the_option_config_are_texts():
    # Snakemake reads `--config 'split={test: 0.25, validation: 2}'` without types.
    config = parse_config({"arms": {"ae": ARM}, "split": {"test": "0.25", "validation": "2"}})
    assert (config.split.test, config.split.validation) == (0.25, 2)
    assert isinstance(config.split.validation, int)


# Files of heads


def files_of(folder: Path, *patterns: str) -> list[str]:
    values = {"arms": {"ae": ARM}, "meshes": {"files": list(patterns), "generate": 0}}
    return list(Plan(parse_config(values), folder).sources.values())


def test_signs_in_folders_are_no_patterns_where_the_file_is_there(tmp_path):
    names = ["-a/a.obj", "-d/b.obj", "scan [1]/c.obj", "*/d.obj"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert files_of(tmp_path, *names) == names
    assert files_of(tmp_path, "-a/*.obj", "-d/*") == names[:2]


def test_a_file_that_is_spelled_in_two_ways_is_one_head(tmp_path):
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans/a.obj").write_text("x")
    absolute = str(tmp_path / "scans/a.obj")
    assert files_of(tmp_path, "scans/a.obj", "./scans/*", absolute) == ["scans/a.obj"]
    (line,) = told(
        meshes={"files": [absolute]},
        evaluation={"files": {"others": [f"{tmp_path}/scans/../scans/*"]}},
    )
    assert "stands under meshes.files as well" in line


def test_a_pattern_that_matches_everything_is_told_shortly(tmp_path):
    for number in range(1500):
        (tmp_path / f"{number}.txt").touch()
    lines = told(meshes={"files": [f"{tmp_path}/*"]})
    assert len(lines) == MOST_LINES + 1
    assert lines[-1] == "and 1,480 more mistakes"


def test_file_names_that_no_result_can_have(tmp_path):
    for name, says in (
        ("a\nb/c.obj", "rename it (no line breaks or other control characters)"),
        ("{x}/c.obj", "rename it (no braces, which stand for names in the workflow's paths)"),
        (f"{'n' * 101}.obj", "rename it (at most 100 letters)"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
        with pytest.raises(UserError) as caught:
            files_of(tmp_path, f"*/{Path(name).name}" if "/" in name else name)
        shown_name = repr(name) if "\n" in name else name
        assert str(caught.value) == f"meshes.files: {shown_name}: {says}"
        (tmp_path / name).unlink()


# Texts


TWICE = {
    "training: {steps: 3}\ntraining: {batch: 2}\n": "'training' is there twice, in lines 1 and 2",
    "a: 1\nb: {c: 1, d: 2, c: 3}\n": "'c' is there twice, in lines 2 and 2",
    '{"a": 1, "b": 2, "a": 3}': "'a' is there twice",
    "? steps\n: 3\n'steps': 4": "'steps' is there twice, in lines 1 and 3",
}


@pytest.mark.parametrize("text", TWICE)
def test_a_key_that_is_there_twice_is_named(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_yaml(path)
    assert str(caught.value) == f"{path}: {TWICE[text]}"
    with pytest.raises(UserError) as caught:
        parse_spec(RenderSettings, text)
    assert str(caught.value) == f"--spec: {TWICE[text]}"


def test_merge_keys_are_read_as_yaml_reads_them():
    text = "a: &a {x: 1, y: 2}\nb: &b {<<: *a, y: 3}\nc: {z: 4, <<: [*a, *b]}\nd: {<<: *b, x: 9}\n"
    assert parse_yaml(text) == yaml.safe_load(text)


def test_shipped_configurations_have_no_key_twice(root):
    for path in (root / "config.yaml", *(root / "workflow/presets").glob("*.yaml")):
        assert read_yaml(path) == yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"study: caf\xe9", "not UTF-8 text (byte 10)"),
        (b"study: a\0b", "not readable as YAML or JSON"),
        (b"a: [1\nb: 2\nc: }", "not readable as YAML or JSON (line"),
        (b"[" * 100_000, "not readable as YAML or JSON"),
        (b"a: " + b"[" * 100_000, "not readable as YAML or JSON (nested too deeply)"),
        (b"a: 2001-99-99", "not readable as YAML or JSON"),
        (b"a: !!bool maybe", "not readable as YAML or JSON"),
        (b"a: !!python/object/apply:os.getcwd []", "not readable as YAML or JSON (line 1)"),
        (b"a: " + b"9" * 5000, "not readable as YAML or JSON"),
        (b" " * (MOST_BYTES + 1), "longer than 32 MiB"),
    ],
)
def test_a_text_that_is_none_is_refused_in_one_line(tmp_path, content, says):
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_yaml(path)
    assert str(caught.value).startswith(f"{path}: {says}")
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_without_an_end_is_refused():
    with pytest.raises(UserError, match=r"^--spec: /dev/zero: longer than 32 MiB$"):
        parse_spec(RenderSettings, "@/dev/zero")


def test_aliases_without_an_end_are_told_shortly():
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30)
    )
    lines = told(split={"test": 0.1}, study=parse_yaml(bomb)["a29"])
    assert len(lines) == 1
    assert len(lines[0]) < 200
    merges = "a0: &a0 {x: 1}\n" + "".join(
        f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 30)
    )
    assert parse_yaml(merges)["a29"] == {"x": 1}
    assert parse_yaml("&a [*a]")[0] is not None
    assert len(told(study=parse_yaml("&a [*a]"))[0]) < 200


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "-Infinity", "1e999", '{"a": -1e999}'])
def test_json_has_no_infinity(text):
    assert json.loads(text) is not None  # Python's own reader takes it
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)
