"""What was run, and what it takes to run it again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from hexplane.results import Columns, Results

_USUAL = (("kl_reduction", "sum"), ("free_bits", 0.0))
"""Settings that go without saying."""


@dataclass(frozen=True)
class Arm:
    """One row of the table of arms."""

    name: str
    features: str
    likelihood: str
    latent: str
    heads: int
    own: str
    field: str
    oracle: str
    parameters: int | None
    steps: int | None
    seconds: float | None


def arms(results: Results, histories: Mapping[str, Columns]) -> list[Arm]:
    """What each arm is, from the configuration and from what was trained."""
    found = []
    for name in results.arms:
        chosen = results.settings.config.get("arms", {}).get(name, {})
        model = results.model(name)
        bottleneck = chosen.get("bottleneck", {})
        steps = (histories[name]["step"] or [None])[-1]
        found.append(
            Arm(
                name,
                str(chosen.get("features", "")).replace("_", " + "),
                str(chosen.get("likelihood", "fitted")).replace("_", " "),
                _settings(bottleneck, ("kind",)),
                len(results.settings.split["train"][: chosen.get("heads")]),
                _settings(chosen.get("model", {}) | chosen.get("training", {})),
                str(chosen.get("field", "fusion")),
                results.settings.oracles[name],
                model.get("parameters"),
                None if steps is None else int(steps),
                model.get("seconds"),
            )
        )
    return found


def _settings(chosen: dict[str, Any], bare: tuple[str, ...] = ()) -> str:
    """Settings in one line; those in `bare` without their names."""
    names = {
        key: "" if key in bare else key.replace("_", " ").replace("kl", "KL") for key in chosen
    }
    return ", ".join(
        f"{names[key]} {_plain(value)}".strip()
        for key, value in chosen.items()
        if (key, value) not in _USUAL
    )


def _plain(value: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:g}" if number else str(value)


def resolution(results: Results) -> int:
    """Pixels along a view's side, as rendered."""
    return results.hexplane(results.settings.split["train"][0]).resolution


def counts(results: Results) -> str:
    """How many heads there are, in which part and of which other family."""
    parts = {
        "train": "for training",
        "validation": "for validation",
        "test": "for test",
    }
    groups = results.settings.groups
    named = [(len(groups[group]), parts.get(group, f"of the family {group}")) for group in groups]
    words = [f"{count} {text}" for count, text in named if count]
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def versions(results: Results) -> dict[str, str]:
    """Library versions in all manifests; several where results were not made at one time."""
    found: dict[str, dict[str, None]] = {}
    for manifest in results.manifests:
        for name, version in manifest.get("versions", {}).items():
            found.setdefault(name, {})[str(version)] = None
    return {name: ", ".join(several) for name, several in found.items()}


def seeds(results: Results) -> dict[str, str]:
    """Seeds that the stages were run with, from the configuration and the manifests."""
    found: dict[str, dict[int, None]] = {}
    if "seed" in results.settings.config:
        found["configuration"] = {results.settings.config["seed"]: None}
    for manifest in results.manifests:
        seed = manifest.get("spec", {}).get("seed")
        if seed is not None:
            found.setdefault(str(manifest.get("stage", "?")), {})[seed] = None
    return {name: _span(sorted(several)) for name, several in found.items()}


def _span(values: list[int]) -> str:
    if len(values) > 3 and values == list(range(values[0], values[0] + len(values))):
        return f"{values[0]} to {values[-1]}"
    return ", ".join(str(value) for value in values)


def configuration(results: Results) -> str:
    """The whole configuration as YAML, ready to be saved as config.yaml."""
    return yaml.safe_dump(results.settings.config, sort_keys=False, allow_unicode=True)
