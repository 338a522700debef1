"""A study abridged: what a paper needs of its results, as a small JSON value.

Numbers have five digits. None stands for what has no value or no finite one.
"""

import math
from pathlib import Path
from typing import Any

from hexplane.analysis.hypotheses import over_seeds
from hexplane.analysis.novelty import Drawn
from hexplane.analysis.rates import Family
from hexplane.analysis.runs import RunRow
from hexplane.analysis.scores import Group
from hexplane.analysis.seeds import SHOWN
from hexplane.analysis.study import Study
from hexplane.analysis.trajectories import read_trajectories
from hexplane.metrics.table import deciding, f_score, thresholds_of
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import sha256
from hexplane.plumbing.manifests import read_manifest
from hexplane.plumbing.parse import checked
from hexplane.plumbing.paths import Layout
from hexplane.results import Results
from hexplane.settings.report import ReportSettings

Value = dict[str, Any]
MEASURES = ("kl_weight", "kl_over_cap", "closed_prior", *SHOWN)
"""Of the table of runs, beside the decisive F-score and its oracle's."""


def abridged(root: Path) -> Value:
    """Scores, runs over seeds, verdicts, rates, draws and trajectories of a finished study.

    Args:
        root: the study's folder; it has a report.

    Raises:
        UserError: a file is missing, damaged or not what the report was made from.
    """
    path = Path(Layout(root).page_manifest)
    report = read_manifest(path)
    for name, expected in (report["inputs"] | report.get("tables", {})).items():
        if not (root / name).is_file() or sha256(root / name) != expected:
            raise UserError(f"{root / name}: altered or missing since the report was made")
    settings = checked(ReportSettings, report.get("spec"), where=str(path))
    results = Results(root, settings)
    study = Study(results)
    groups, snapshots = settings.groups, Path(results.paths.snapshots)
    found = {
        "source": str(root),
        **report.get("made", {}),  # by what commit, and where
        "heads": {name: len(own) for name, own in groups.items() if own},
        "seeds": len({seed for _, seed in settings.runs.values()}),
        "resolution": settings.config.get("render", {}).get("resolution"),
        "steps": settings.config.get("training", {}).get("steps"),
        "threshold": _threshold(study),
        "arms": {arm: _arm(results, arm) for arm in results.arms},
        "runs": _runs(study.rows),
        "verdicts": {
            own.name: {"claim": own.claim, "outcome": own.outcome} for own in study.verdicts
        },
        "scores": {group.key: _scores(study, group) for group in study.groups},
        "rates": {family.key: _rates(family) for family in study.families},
        "draws": {own.arm: _draws(own) for own in study.drawn},
        "trajectories": read_trajectories(snapshots) if snapshots.is_file() else {},
    }
    short: Value = _short(found)
    return short


def _threshold(study: Study) -> float | None:
    """Of the F-score that decides on failure; None where no head was evaluated."""
    names = [] if study.decision is None else [study.decision.name]
    return next(iter(thresholds_of(names)), None)


def _arm(results: Results, arm: str) -> Value:
    """What an arm is, and what its first run took."""
    chosen = results.settings.config["arms"][arm]
    model = results.model(arm)
    return {
        **{key: chosen.get(key) for key in ("features", "likelihood", "bottleneck")},
        "oracle": results.settings.oracles[arm],
        "parameters": model.get("parameters"),
        "seconds": model.get("seconds"),
    }


def _runs(rows: list[RunRow]) -> Value:
    """Mean and spread over the seeds by arm, group of heads and measure."""
    found: Value = {}
    for row in rows:
        found.setdefault(row["arm"], {}).setdefault(row["split"], []).append(row)
    return {
        arm: {split: _over_seeds(arm, own) for split, own in splits.items()}
        for arm, splits in found.items()
    }


def _over_seeds(arm: str, rows: list[RunRow]) -> Value:
    oracles = [name.removeprefix("oracle_") for name in rows[0] if name.startswith("oracle_")]
    score = f_score(deciding(thresholds_of(oracles)))
    names = {
        "f_score": score,
        "oracle_f_score": f"oracle_{score}",
        **{own: own for own in MEASURES},
    }
    found: Value = {
        "seeds": len(rows),
        "failed": sum(row["failed"] for row in rows),
        "heads": rows[0]["heads"],
        "dimensions": rows[0]["dimensions"],
    }
    for name, column in names.items():
        series = over_seeds(arm, {row["seed"]: row.get(column) for row in rows})
        if series.mean is not None:
            found[name] = {"mean": series.mean, "spread": series.spread}
    return found


def _scores(study: Study, group: Group) -> Value:
    """Means over a group's heads, and ratios to the oracle's; `f_score` is the decisive one."""
    found: Value = {}
    for row in (*group.rows, *group.oracles):
        cells: Value = {name: cell.value for name, cell in row.cells.items()}
        ratios: Value = {
            name: cell.ratio for name, cell in row.cells.items() if cell.ratio is not None
        }
        if study.decision is not None:
            for own in (cells, ratios):
                own["f_score"] = own.get(study.decision.name)
        found[row.name] = {
            "oracle": row.oracle,
            "empty": row.empty,
            "closed": row.watertight / row.heads,
            "failure": row.failure,
            "ratios": ratios,
            **cells,
        }
    return {"heads": len(group.heads), "methods": found}


def _rates(family: Family) -> Value:
    """Each method's means over a family's heads, by the most bytes of a file."""
    curves = {
        method: {
            str(level.budget): {
                "bytes": level.bytes,
                "chamfer_l1": level.chamfer,
                **{f_score(own): value for own, value in level.f_scores.items()},
            }
            for level in levels
        }
        for method, levels in family.curves.items()
        if levels
    }
    return {"title": family.title, "heads": len(family.heads), "curves": curves}


def _draws(drawn: Drawn) -> Value:
    """New heads of an arm beside real ones."""
    beside, shapes = drawn.samples["held_out"], drawn.shapes["draws"]
    return {
        "count": drawn.count,
        "temperature": drawn.temperature,
        "prior": drawn.prior,
        "whole": shapes and shapes["whole"],
        "accuracy": beside and beside.accuracy,
        "coverage": beside and beside.coverage,
        "nearest": drawn.nearest,
        "nearest_ratio": drawn.ratio,
    }


def _short(value: Any) -> Any:
    """Floats to five digits, those that are not finite as None."""
    if isinstance(value, dict):
        return {key: _short(own) for key, own in value.items()}
    if isinstance(value, list | tuple):
        return [_short(own) for own in value]
    if isinstance(value, float):
        return float(f"{value:.5g}") if math.isfinite(value) else None
    return value
