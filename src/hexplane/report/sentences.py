"""What was asked and what came out, in three sentences that the results write."""

from collections.abc import Sequence

from hexplane.analysis.scores import Group, ScoreRow
from hexplane.analysis.sources import UNSEEN
from hexplane.analysis.study import Study
from hexplane.metrics.table import Metric
from hexplane.report.text import number, percent, plural, size, spoken
from hexplane.results import Results

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
    return groups[0] if groups else None


def best_arm(groups: Sequence[Group], decision: Metric | None) -> ScoreRow | None:
    """The arm with the best F-score among those that did not fail."""
    group = decided_on(groups)
    if group is None or decision is None:
        return None
    sound = [row for row in group.rows if not row.failure]
    scored = [(row.cells[decision.name].value or 0.0, row) for row in sound]
    return max(scored, key=lambda pair: pair[0])[1] if scored else None


def sentences(study: Study) -> list[str]:
    """The question, the best answer, and what failed; the last two need measured heads."""
    group, decision = decided_on(study.groups), study.decision
    asked = _asked(study.results, study.resolution)
    if group is None or decision is None:
        return [asked, "No head was taken to a mesh file, so that there is no verdict here."]
    best = best_arm(study.groups, decision)
    return [asked, _best(group, best, decision), _failed(group, decision)]


def repairs(study: Study) -> list[str]:
    """What had to be done to the meshes that came in, and what no view sees of them."""
    told = (
        (
            "Openings were closed in",
            [
                f"{own.mesh} ({plural(own.openings, 'opening')}, {percent(own.closed_share)} of "
                "its area)"
                for own in study.sources
                if own.openings
            ],
        ),
        (
            "Faces were turned outwards in",
            [f"{own.mesh} ({own.turned:,})" for own in study.sources if own.turned],
        ),
        (
            "Doubled faces were left out of",
            [f"{own.mesh} ({own.doubled:,})" for own in study.sources if own.doubled],
        ),
        (
            "A wrong `up` may be that of",
            [f"{own.mesh} ({own.hint})" for own in study.sources if own.hint],
        ),
        (
            "No view sees all of",
            [
                f"{own.mesh} ({percent(own.unseen)} of its surface unseen)"
                for own in study.sources
                if own.unseen > UNSEEN
            ],
        ),
    )
    return [f"{what} {_some(named, len(study.sources))}." for what, named in told if named]


def _some(named: list[str], total: int) -> str:
    """Names, or how many and the first of them."""
    if len(named) <= MOST_NAMES:
        return spoken(named, "and")
    return (
        f"{len(named)} of {plural(total, 'mesh', 'meshes')}, among them {spoken(named[:2], 'and')}"
    )


def _asked(results: Results, resolution: int) -> str:
    chosen = results.settings.config["arms"]
    inputs = dict.fromkeys(chosen[arm]["features"] for arm in results.arms)
    latents = dict.fromkeys(chosen[arm]["bottleneck"]["kind"] for arm in results.arms)
    total = sum(len(names) for names in results.settings.groups.values())
    seen = spoken([_INPUTS.get(name, name) for name in inputs], "or")
    kinds = spoken([_LATENTS.get(name, name) for name in latents], "or")
    return (
        f"{plural(len(results.arms), 'arm')} took {plural(total, 'head')}, each seen as six "
        f"orthographic views of {resolution} × {resolution} pixels ({seen}), through a {kinds} "
        "latent and back to a mesh: how much of the head comes back, beside what the true views "
        "allow, the oracle?"
    )


def _best(group: Group, row: ScoreRow | None, decision: Metric) -> str:
    where = _where(group)
    if row is None:
        return f"On {where} no arm came back: every one of {plural(len(group.rows), 'arm')} failed."
    cell = row.cells[decision.name]
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


def _failed(group: Group, decision: Metric) -> str:
    failed = [row for row in group.rows if row.failure]
    ratios = [
        ratio
        for row in group.rows
        if not row.failure and (ratio := row.cells[decision.name].ratio) is not None
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
    kind = {"held_out": "held-out", "train": "training"}.get(group.key, group.key)
    return f"the {kind} head" if len(group.heads) == 1 else f"{len(group.heads)} {kind} heads"
