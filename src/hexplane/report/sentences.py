"""What was asked and what came out, in three sentences that the results write."""

from collections.abc import Sequence

from hexplane.report.results import Results
from hexplane.report.text import number, plural, size, spoken
from hexplane.report.verdict import Group, Measure, Row

_INPUTS = {
    "occupancy": "silhouettes",
    "depth_normal": "depth with normals",
    "dithered": "depth dithered to one bit",
    "normal": "normals",
}
_LATENTS = {"gaussian": "Gaussian"}
MOST_NAMES = 4
"""So many arms are named in a sentence; more are counted."""


def decided_on(groups: Sequence[Group]) -> Group | None:
    """The group of heads that the sentences are about: held-out heads where there are any."""
    return groups[-1] if groups else None


def best_arm(groups: Sequence[Group], decision: Measure | None) -> Row | None:
    """The arm with the best F-score among those that did not fail."""
    group = decided_on(groups)
    if group is None or decision is None:
        return None
    sound = [row for row in group.rows if not row.failure]
    scored = [(row.cells[decision.key].value or 0.0, row) for row in sound]
    return max(scored, key=lambda pair: pair[0])[1] if scored else None


def sentences(
    results: Results, groups: Sequence[Group], decision: Measure | None, resolution: int
) -> list[str]:
    """The question, the best answer, and what failed; the last two need measured heads."""
    group = decided_on(groups)
    asked = _asked(results, resolution)
    if group is None or decision is None:
        return [asked, "No head was taken to a mesh file, so that there is no verdict here."]
    return [asked, _best(group, best_arm(groups, decision), decision), _failed(group, decision)]


def _asked(results: Results, resolution: int) -> str:
    chosen = results.spec.config["experiments"]
    inputs = dict.fromkeys(chosen[arm]["features"] for arm in results.experiments)
    latents = dict.fromkeys(chosen[arm]["bottleneck"]["kind"] for arm in results.experiments)
    total = sum(len(names) for names in results.spec.split.values())
    seen = spoken([_INPUTS.get(name, name) for name in inputs], "or")
    kinds = spoken([_LATENTS.get(name, name) for name in latents], "or")
    return (
        f"{plural(len(results.experiments), 'arm')} took {plural(total, 'head')}, each seen as six "
        f"orthographic views of {resolution} × {resolution} pixels ({seen}), through a {kinds} "
        "latent and back to a mesh: how much of the head comes back, beside what the true views "
        "allow, the oracle?"
    )


def _best(group: Group, row: Row | None, decision: Measure) -> str:
    where = _where(group)
    if row is None:
        return f"On {where} no arm came back: every one of {plural(len(group.rows), 'arm')} failed."
    cell = row.cells[decision.key]
    parts = [f"On {where} {row.name} came nearest, with {decision.label} of {number(cell.value)}"]
    if cell.ratio is not None:
        parts.append(f", {cell.ratio:.2f} of its oracle's")
    chamfer = row.cells.get("chamfer_l1")
    if chamfer is not None and chamfer.value is not None:
        parts.append(f", a Chamfer distance of {number(chamfer.value, 'chamfer_l1')}")
    stored = row.cells.get("latent_bytes_stored")
    if stored is not None and stored.value is not None:
        parts.append(f", from a latent of {size(stored.value)} as stored")
    return "".join(parts) + "."


def _failed(group: Group, decision: Measure) -> str:
    failed = [row for row in group.rows if row.failure]
    ratios = [
        ratio
        for row in group.rows
        if not row.failure and (ratio := row.cells[decision.key].ratio) is not None
    ]
    reached = ""
    if ratios:
        low, high = f"{min(ratios):.2f}", f"{max(ratios):.2f}"
        span = low if low == high else f"{low} to {high}"
        reached = f"reached {span} of the oracle's {decision.label}"
    if not failed:
        return f"No arm failed there{f': they {reached}' if reached else ''}."
    if len(failed) <= MOST_NAMES:
        named = spoken([f"{row.name} ({row.failure})" for row in failed], "and")
        said = f"There failed {named}"
    else:
        empty = sum(row.empty > 0 for row in failed)
        said = f"There failed {len(failed)} of {plural(len(group.rows), 'arm')}"
        said += f", {empty} of them with empty meshes" if empty else ""
    return f"{said}; the others {reached}." if reached else f"{said}."


def _where(group: Group) -> str:
    kind = "held-out" if group.key == "held_out" else "training"
    return f"the {kind} head" if len(group.heads) == 1 else f"{len(group.heads)} {kind} heads"
