"""The table of runs: one row for each training of an arm and each group of heads."""

import math
import statistics
from pathlib import Path
from typing import Any

from hexplane.analysis.failure import has_failed
from hexplane.metrics.table import deciding, f_score, metrics_at
from hexplane.plumbing.tables import write_table
from hexplane.results import Results

RunRow = dict[str, Any]
KEYS = ("arm", "seed", "split")
_OF_LATENT = (
    "active_units",
    "mutual_information",
    "marginal_kl",
    "kl_prior",
    "bits",
    "bits_autoregressive",
    "symbols_used",
)
_OF_MESHES = ("empty", "closed", "whole", "field_min", "field_max")
_OF_VIEWS = ("distortion", "coverage_explained")


def run_rows(results: Results) -> list[RunRow]:
    """Rows with the keys `KEYS` and the measures of `hexplane.settings.diagnose.measures`.

    None stands for what a run has no value of: the KL of a deterministic latent, a comparison
    with heads that are not there.
    """
    rows = []
    for run, (arm, seed) in results.settings.runs.items():
        found = results.diagnostics(run)
        for split, group in found["groups"].items():
            oracle = [
                results.metrics(results.settings.oracles[arm], mesh)
                for mesh in found["spec"]["heads"][split]
            ]
            keys = dict(zip(KEYS, (arm, seed, split), strict=True))
            bottleneck = results.settings.config["arms"][arm]["bottleneck"]
            rows.append(keys | _measures(found, group, oracle, bottleneck))
    return rows


def _measures(
    found: dict[str, Any], group: dict[str, Any], oracle: list[dict[str, Any]], bottleneck: RunRow
) -> RunRow:
    kl, cap = group.get("kl"), bottleneck.get("kl_cap")
    summed = bottleneck.get("kl_reduction", "sum") == "sum"  # the cap is on what is charged
    row: RunRow = {
        "heads": group["heads"],
        "training_heads": found["training_heads"],
        "kl_weight": bottleneck.get("kl_weight"),
        "effective_beta": found["effective_beta"],
        "kl": kl,
        "kl_over_cap": kl / cap if summed and kl is not None and cap else None,
        "dimensions": group.get("dimensions"),
    }
    row |= {key: group.get(key) for key in _OF_LATENT}
    learned = row["bits_autoregressive"]
    row["bits_saved"] = 1 - learned * math.log(2) / kl if learned is not None and kl else None
    row |= {key: found[key] for key in ("predicted_active", "predicted_kl")}
    for key, suffix in (("mean", ""), ("shuffled", "_shuffled"), ("prior", "_prior")):
        decoded = group.get(key, {})
        for name in (*_OF_MESHES, *(("nearest_ratio",) if key == "prior" else _OF_VIEWS)):
            row[name + suffix] = decoded.get(name)
    thresholds = found["spec"]["thresholds"]
    for name in (metric.name for metric in metrics_at(thresholds) if metric.judged):
        row[name] = _mean(group["mean"]["scores"], name)
        row[f"{name}_shuffled"] = _mean(group.get("shuffled", {}).get("scores", []), name)
        row[f"oracle_{name}"] = _mean(oracle, name)
    name = f_score(deciding(thresholds))
    row["f_ratio"] = _ratio(row[name], row[f"oracle_{name}"])
    row["failed"] = int(has_failed(row["empty"], row["f_ratio"]))
    row |= {f"term_{name}": value for name, value in group["terms"].items()}
    row |= {f"gradient_{name}": norm for name, norm in group["gradient_norms"].items()}
    return row


def _mean(scores: list[RunRow], name: str) -> float | None:
    values = [math.inf if score[name] is None else score[name] for score in scores]
    return statistics.fmean(values) if values else None


def _ratio(value: float | None, reference: float | None) -> float | None:
    return value / reference if value is not None and reference else None


def write_runs(path: Path, rows: list[RunRow]) -> None:
    """Write the table as CSV; what a run has no value of is empty."""
    write_table(path, [{name: _cell(value) for name, value in row.items()} for row in rows])


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else value
