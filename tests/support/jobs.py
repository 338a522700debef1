"""Messages of the jobs of the tiny project, in the sets that a change runs together."""

import re

from support.project import TINY_ARMS

ARMS = tuple(TINY_ARMS)
ORACLES = ("oracle-depth_normal", "oracle-occupancy")
MESHES = ("a", "b", "c")
REPORT = {"Writing the report"}


def normalised(meshes: tuple[str, ...] = MESHES) -> set[str]:
    return {f"Normalising {mesh}" for mesh in meshes}


def rendered(meshes: tuple[str, ...] = MESHES) -> set[str]:
    return {f"Rendering {mesh}" for mesh in meshes}


def sampled(meshes: tuple[str, ...] = MESHES) -> set[str]:
    return {f"Sampling signed distances of {mesh}" for mesh in meshes}


def trained(*arms: str) -> set[str]:
    """Trainings of some arms, or of all, and what follows from them, but for the report."""
    arms = arms or ARMS
    after = [after_training(arm) for arm in arms]
    return set.union({f"Training {arm}" for arm in arms}, *after)


def diagnosed(*runs: str) -> set[str]:
    return {f"Diagnosing {run}" for run in runs or ARMS}


def measured(*methods: str) -> set[str]:
    return {f"Measuring {mesh} of {name}" for mesh in MESHES for name in methods or ARMS + ORACLES}


def extracted(*methods: str) -> set[str]:
    """Extractions by some methods, or by all, and what follows from them."""
    return set.union(*(after_encoding(name) for name in methods or ARMS + ORACLES))


def after_training(arm: str, meshes: tuple[str, ...] = MESHES) -> set[str]:
    encoded = {f"Encoding {mesh} by {arm}" for mesh in meshes}
    return diagnosed(arm) | encoded | after_encoding(arm, meshes)


def after_encoding(method: str, meshes: tuple[str, ...] = MESHES) -> set[str]:
    made = {f"Extracting {mesh} of {method}" for mesh in meshes}
    return made | {f"Measuring {mesh} of {method}" for mesh in meshes} | between(method, meshes)


def between(method: str, meshes: tuple[str, ...]) -> set[str]:
    """Meshes are blended between the test head c and the validation head b."""
    ends = method in ARMS and {"b", "c"} & set(meshes)
    return {f"Interpolating {method}"} if ends else set()


def after_hexplanes() -> set[str]:
    return REPORT | trained() | extracted(*ORACLES)


def resources_of(printed: str) -> dict[str, list[dict[str, str]]]:
    """Resources of each job that Snakemake printed, by rule; jobs have no message."""
    jobs = re.findall(
        r"^ *(?:local)?rule (\w+):\n(?: .+\n)*? +resources: (.+)$", printed, re.MULTILINE
    )
    found: dict[str, list[dict[str, str]]] = {}
    for rule, resources in jobs:
        own = dict(item.split("=", 1) for item in resources.split(", "))
        found.setdefault(rule, []).append(own)
    return found
