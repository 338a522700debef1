"""Every reader but those of meshes under seeded damage: no traceback, no hang, no silent loss.

A damaged input is refused in plain lines, or read as what it says. A failure names the round, from
which its damage follows.
"""

import json
import math
import shutil
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
import yaml
import zarr

from hexplane import store
from hexplane.config import parse_config
from hexplane.decoding import read_own_latent
from hexplane.geometry.hexplane import Hexplane
from hexplane.model.saved import load_model
from hexplane.plan import Plan
from hexplane.plumbing.manifests import read_manifest
from hexplane.plumbing.parse import parse_spec
from hexplane.plumbing.splits import read_split
from hexplane.plumbing.texts import parse_yaml, read_yaml
from hexplane.settings.train import TrainSettings
from support.fuzz import damage_a_file, damaged_bytes, damaged_value, outcome
from support.latent_files import check_latent_files
from support.stores import stored_samples
from support.untrained import RESOLUTION, SHAPE, untrained_model


@pytest.fixture(scope="module")
def shipped(root: Path) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((root / "config.yaml").read_text())
    return values


def kept(given: Any, read: Any) -> bool:
    """Whether what was given is all in what was read, in whatever type."""
    if isinstance(given, dict) and isinstance(read, dict):
        return all(kept(value, read.get(key)) for key, value in given.items() if value is not None)
    if isinstance(given, list) and isinstance(read, list | tuple):
        return len(given) == len(read) and all(map(kept, given, read))
    if isinstance(given, str) and isinstance(read, int | float):
        return float(given) == float(read)
    if isinstance(given, int | float) and isinstance(read, int | float):
        return math.isclose(given, read) and math.isfinite(read)
    return bool(given == read)


def test_configurations(shipped: dict[str, Any], tmp_path: Path) -> None:
    read = 0
    for number in range(700):
        values = damaged_value(shipped, Random(number))
        config = outcome(number, parse_config, values)
        if config is None:
            continue
        assert kept(values, config.model_dump()), number
        plan = Plan(config, tmp_path)
        outcome(number, settings_of, plan)
        read += 1
    assert 50 < read < 650  # both ways were taken


def settings_of(plan: Plan) -> list[Any]:
    return [plan.report(), *(plan.train(run) for run in plan.runs)]


def keys(node: yaml.Node, seen: set[int] | None = None) -> int:
    """Keys in a YAML text's nodes, each mapping once."""
    seen = set() if seen is None else seen
    if id(node) in seen or not isinstance(node, yaml.CollectionNode):
        return 0
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        return sum(keys(item, seen) for item in node.value)
    own = [key for key, _ in node.value if not key.tag.endswith(":merge")]
    return len(own) + sum(keys(key, seen) + keys(value, seen) for key, value in node.value)


def mappings(value: Any, seen: set[int] | None = None) -> int:
    """Keys in what was read, each mapping once."""
    seen = set() if seen is None else seen
    if id(value) in seen or not isinstance(value, dict | list):
        return 0
    seen.add(id(value))
    if isinstance(value, list):
        return sum(mappings(item, seen) for item in value)
    return len(value) + sum(mappings(item, seen) for item in value.values())


def test_texts_of_configurations(tmp_path: Path) -> None:
    # A short text, with whose reading most of the time would go.
    text = (
        b"study: a\nseed: &a 3\nsplit: &b {test: 0.5, validation: [x, y]}\nc:\n  - 1e-5\n  - *a\n"
    )
    merging = b"d: {<<: *b, e: 1}\n"
    path = tmp_path / "config.yaml"
    read = 0
    for number in range(400):
        path.write_bytes(damaged_bytes(text + merging * (number % 2), Random(number)))
        values = outcome(number, read_yaml, path)
        if values is None:
            continue
        plain = path.read_text(encoding="utf-8")
        assert repr(values) == repr(yaml.safe_load(plain)), number
        if "<<" not in plain and isinstance(values, dict):  # merged keys come on top
            assert mappings(values) >= keys(yaml.compose(plain)), number
        read += 1
    assert 50 < read < 350


def test_specs() -> None:
    settings = TrainSettings(seed=4).model_dump(mode="json")
    read = 0
    for number in range(1000):
        rng = Random(number)
        if rng.random() < 0.5:
            text = json.dumps(damaged_value(settings, rng))
        else:
            text = damaged_bytes(json.dumps(settings).encode(), rng).decode("utf-8", "replace")
        if text.startswith("@"):
            continue
        found = outcome((number, text[:300]), parse_spec, TrainSettings, text)
        if found is not None:
            assert kept(parse_yaml(text.removeprefix("spec:")), found.model_dump()), number
            read += 1
    assert 50 < read < 900


def copies(whole: Path, rounds: int) -> Any:
    """A damaged copy of a folder for each round, and what was damaged."""
    for number in range(rounds):
        copy = whole.with_name("copy")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(whole, copy)
        yield number, copy, damage_a_file(copy, Random(number))


def test_model_folders(tmp_path: Path) -> None:
    whole = untrained_model(tmp_path / "whole")
    sound = load_model(whole)
    read = 0
    for number, folder, name in copies(whole, 400):
        saved = outcome((number, name), load_model, folder)
        if saved is None:
            continue
        read += 1
        assert saved.finite
        assert saved.codec.latent_shape == SHAPE
        if name != "model.safetensors":  # a flipped bit of a weight is another number, and hash
            assert saved.weights_hash == sound.weights_hash
    assert 10 < read < 390
    # Values of the configuration, too.
    config = json.loads((whole / "config.json").read_text())
    shutil.copytree(whole, tmp_path / "values")
    for number in range(400):
        (tmp_path / "values/config.json").write_text(
            json.dumps(damaged_value(config, Random(number)))
        )
        outcome(number, load_model, tmp_path / "values")


def test_latents(tmp_path: Path) -> None:
    model = untrained_model(tmp_path / "model")
    saved = load_model(model)
    values = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    whole = tmp_path / "whole.zarr"
    place = np.diag([2.0, 2, 2, 1]).tolist()
    own = saved.weights_hash
    store.write_latent(whole, values, model=own, source_to_canonical=place, packed_bytes=1)
    read = 0
    for number, folder, name in copies(whole, 300):
        found = outcome((number, name), read_own_latent, folder, saved, model)
        outcome((number, name), store.latent_bytes, folder)
        if found is None:
            continue
        read += 1
        assert tuple(found[0].shape) == SHAPE
        assert np.isfinite(found[0].numpy()).all()
        if "/c/" not in f"/{name}":
            assert np.array_equal(found[0].numpy(), values), (number, name)
    assert 10 < read < 290


@pytest.mark.parametrize("kind", ["deterministic", "gaussian", "fsq", "noise"])
def test_latent_files(tmp_path: Path, kind: str) -> None:
    """Those of codecs without a training of their own are in model/test_golden.py."""
    saved = load_model(untrained_model(tmp_path / "model", {"bottleneck": {"kind": kind}}))
    views = np.random.default_rng(0).random((1, 6, 4, RESOLUTION, RESOLUTION), np.float32)
    check_latent_files(saved, saved.codec.encode(torch.from_numpy(views))[0])


def test_hexplanes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    views = Hexplane(
        rng.uniform(size=(6, RESOLUTION, RESOLUTION)).astype(np.float32),
        rng.normal(size=(6, 3, RESOLUTION, RESOLUTION)).astype(np.float32),
    )
    store.write_hexplane(tmp_path / "whole.zarr", views)
    read = 0
    for number, folder, name in copies(tmp_path / "whole.zarr", 100):
        found = outcome((number, name), store.read_hexplane, folder)
        outcome((number, name), store.read_transform, folder)
        if found is None:
            continue
        read += 1
        assert (found.depth.shape, found.normal.shape) == (views.depth.shape, views.normal.shape)
        assert np.isfinite(found.depth).all() and np.isfinite(found.normal).all()
        plain = zarr.open_array(folder / "depth", mode="r")[...]
        assert np.array_equal(found.depth, plain), (number, name)
    assert 10 < read < 90


def test_splits_and_manifests(tmp_path: Path) -> None:
    manifest = stored_samples(tmp_path / "sdf", 1.0)
    facts = json.loads(manifest.read_text())
    split = {"train": ["a", "b"], "validation": [], "test": ["c"]}
    for number in range(500):
        rng = Random(number)
        manifest.write_text(json.dumps(damaged_value(facts, rng)))
        found = outcome(number, read_manifest, manifest)
        assert found is None or found == json.loads(manifest.read_text())
        file = tmp_path / "split.json"
        file.write_bytes(damaged_bytes(json.dumps(damaged_value(split, rng)).encode(), rng))
        names = outcome(number, read_split, file)
        if names is not None:
            given = json.loads(file.read_text())
            assert {part: own for part, own in names.items() if own} == {
                part: own for part, own in given.items() if own and part != "others"
            }
