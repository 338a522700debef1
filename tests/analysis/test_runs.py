"""The table of runs from diagnostics made by hand, and what the report makes of it."""

import csv
import math
from pathlib import Path
from typing import Any

import pytest

from hexplane.analysis.runs import run_rows, write_runs
from hexplane.analysis.seeds import seed_tables
from hexplane.plumbing.files import write_json
from hexplane.report.charts.latents import SMALLEST_KL, latent_charts
from hexplane.report.charts.looks import looks
from hexplane.results import Results
from hexplane.settings.diagnose import measures
from hexplane.settings.report import ReportSettings
from support.stores import BARE

THRESHOLDS = [0.015, 0.03, 0.06]
HELD_OUT = ["ida", "jan"]
ARMS: dict[str, Any] = {
    "vae": {
        "features": "occupancy",
        "likelihood": "mse",
        "bottleneck": {"kind": "gaussian", "kl_weight": 1e-4, "kl_cap": 1000.0},
    },
    "vae-weak": {
        "features": "occupancy",
        "likelihood": "mse",
        "bottleneck": {"kind": "gaussian", "kl_weight": 1e-6, "kl_cap": 1000.0},
    },
    "vae-free": {
        "features": "occupancy",
        "likelihood": "mse",
        "bottleneck": {"kind": "gaussian", "kl_weight": 0.0, "kl_cap": 1e5},
    },
    "ae": {
        "features": "depth_normal",
        "likelihood": "mse",
        "bottleneck": {"kind": "deterministic"},
    },
}
BETAS = {"vae": 2.0, "vae-weak": 0.02, "vae-free": 0.0}
PRIOR = {"empty": 0.75, "closed": 0.25, "whole": 0.125, "field_max": 0.3, "nearest_ratio": 1.5}
ORACLES = {"ae": "oracle-depth_normal"} | dict.fromkeys(BETAS, "oracle-occupancy")


def _score(f_score: float, chamfer: float | None = 0.1) -> dict[str, Any]:
    scores = {f"f_score_{threshold:g}": f_score for threshold in THRESHOLDS}
    return {"empty": chamfer is None, "iou": 0.5, "chamfer_l1": chamfer, **scores}


def _group(scores: list[dict[str, Any]], kl: float | None) -> dict[str, Any]:
    field = {"empty": 0.0, "closed": 1.0, "whole": 1.0, "field_min": 0.0, "field_max": 0.9}
    field["empty"] = sum(score["empty"] for score in scores) / len(scores)
    shown = field | {"distortion": 0.02, "coverage_explained": 0.5, "scores": scores}
    group = {
        "heads": len(scores),
        "terms": {"reconstruction": 0.25},
        "gradient_norms": {"reconstruction": 0.5},
        "mean": shown,
        "shuffled": shown | {"distortion": 0.08},
    }
    if kl is None:
        return group
    rates = {
        "bits": 80,
        "bits_autoregressive": kl / math.log(2) / 2,
        "symbols_used": 3.5,
        "kl_prior": 4.5,
        "active_units": 3,
        "mutual_information": 0.25,
        "marginal_kl": kl - 0.25,
    }
    spread = {"kl": kl, "dimensions": 12, "kl_quantiles": [0.0, kl / 24, kl / 12]}
    return group | rates | spread | {"prior": field | PRIOR}


class Fabricated:
    """A folder of diagnostics, without any file that the table does not read."""

    def __init__(self, root: Path, repeats: int = 1) -> None:
        self.root = root
        self.runs = {
            f"{arm}@{seed}" if seed else arm: (arm, seed) for arm in ARMS for seed in range(repeats)
        }
        for oracle, f_score in {"oracle-occupancy": 0.6, "oracle-depth_normal": 1.0}.items():
            for mesh in HELD_OUT:
                self._write(f"metrics/{oracle}/{mesh}.json", metrics=_score(f_score))
        for run, (arm, _) in self.runs.items():
            kl = 2500.0 if arm in BETAS else None
            self.diagnose(run, [_score(0.45), _score(0.45)], kl)

    def diagnose(self, run: str, scores: list[dict[str, Any]], kl: float | None) -> None:
        """One run's diagnostics on the held-out heads."""
        beta = BETAS.get(self.runs[run][0])
        self._write(
            f"diagnostics/{run}.json",
            spec={"thresholds": THRESHOLDS, "heads": {"train": [], "held_out": HELD_OUT}},
            training_heads=18,
            inputs_spectrum=[100.0, 10.0],
            effective_beta=beta,
            noise=beta,  # of sigma 1
            predicted_active=2 if beta else None,
            predicted_kl=3.5 if beta else None,
            groups={"held_out": _group(scores, kl)},
        )

    def _write(self, path: str, **facts: Any) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        write_json(self.root / path, {**BARE, **facts})

    @property
    def results(self) -> Results:
        spec = ReportSettings(
            split={"train": ["ada"], "validation": ["ida"], "test": ["jan"]},
            heads=["ada"],
            runs=self.runs,
            oracles={arm: ORACLES[arm] for arm in ARMS},
            config={"arms": ARMS},
        )
        return Results(self.root, spec)

    def row(self, arm: str) -> dict[str, Any]:
        (row,) = (row for row in run_rows(self.results) if row["arm"] == arm)
        return row

    def charts(self) -> dict[str, Any]:
        rows = run_rows(self.results)
        found = latent_charts(self.results, rows, looks(list(ARMS)))
        return {chart["id"]: chart for chart in found}


@pytest.fixture
def made(tmp_path: Path) -> Fabricated:
    return Fabricated(tmp_path)


def test_a_row_has_every_measure_that_hypotheses_may_name(made: Fabricated) -> None:
    for row in run_rows(made.results):
        assert set(measures(THRESHOLDS)) <= set(row)
    row = made.row("vae")
    assert (row["seed"], row["split"], row["heads"]) == (0, "held_out", 2)
    assert row["f_score_0.03"] == pytest.approx(0.45)
    assert row["oracle_f_score_0.03"] == pytest.approx(0.6)
    assert row["f_ratio"] == pytest.approx(0.75)
    assert row["failed"] == 0
    assert row["kl_over_cap"] == 2.5
    assert (row["distortion"], row["distortion_shuffled"]) == (0.02, 0.08)
    assert (row["empty"], row["empty_prior"]) == (0.0, 0.75)
    assert (row["closed"], row["closed_prior"], row["whole_prior"]) == (1.0, 0.25, 0.125)
    assert row["nearest_ratio_prior"] == 1.5
    assert row["bits_saved"] == pytest.approx(0.5)
    assert (row["bits"], row["symbols_used"], row["kl_prior"]) == (80, 3.5, 4.5)
    assert (row["field_max"], row["field_max_prior"]) == (0.9, 0.3)
    assert (row["term_reconstruction"], row["gradient_reconstruction"]) == (0.25, 0.5)


def test_a_deterministic_latent_has_no_rate(made: Fabricated) -> None:
    row = made.row("ae")
    rates = ("kl", "kl_over_cap", "active_units", "mutual_information", "empty_prior", "kl_weight")
    assert {name: row[name] for name in rates} == dict.fromkeys(rates)


@pytest.mark.parametrize(
    ("f_scores", "failed"), [((0.9, 0.12), 0), ((0.3, 0.3), 0), ((0.3, 0.28), 1), ((0.0, 0.0), 1)]
)
def test_failure_is_a_mean_below_half_the_oracles(
    made: Fabricated, f_scores: tuple[float, float], failed: int
) -> None:
    made.diagnose("vae", [_score(f_score) for f_score in f_scores], 5.0)
    row = made.row("vae")
    assert row["f_ratio"] == pytest.approx(sum(f_scores) / 2 / 0.6)
    assert row["failed"] == failed


def test_one_empty_mesh_is_a_failure_at_any_score(made: Fabricated) -> None:
    made.diagnose("vae", [_score(1.0), _score(0.2, chamfer=None)], 5.0)
    row = made.row("vae")
    assert row["f_ratio"] == pytest.approx(1.0)
    assert row["empty"] == 0.5
    assert row["failed"] == 1
    assert row["chamfer_l1"] == math.inf


def test_the_table_is_written_with_infinities_and_gaps(made: Fabricated, tmp_path: Path) -> None:
    made.diagnose("vae", [_score(1.0), _score(0.0, chamfer=None)], 1234.5678)
    write_runs(tmp_path / "runs.csv", run_rows(made.results))
    with (tmp_path / "runs.csv").open(newline="") as stream:
        rows = {row["arm"]: row for row in csv.DictReader(stream)}
    assert list(rows) == list(ARMS)
    assert list(rows["ae"])[:3] == ["arm", "seed", "split"]
    assert rows["vae"]["chamfer_l1"] == "inf"
    assert rows["vae"]["kl"] == "1234.57"
    assert rows["ae"]["kl"] == ""
    assert rows["vae"]["failed"] == "1"


def test_repeats_are_means_over_seeds(tmp_path: Path) -> None:
    made = Fabricated(tmp_path, repeats=3)
    made.diagnose("vae@1", [_score(0.1), _score(0.1)], 1000.0)
    made.diagnose("vae@2", [_score(0.35), _score(0.35)], 1000.0)
    (table,) = seed_tables(run_rows(made.results))
    assert (table.key, table.score) == ("held_out", "f_score_0.03")
    arms = {arm.name: arm for arm in table.arms}
    assert list(arms) == list(ARMS)
    vae = arms["vae"]
    assert (vae.seeds, vae.failed, vae.heads, vae.dimensions) == (3, 1, 2, 12)
    assert vae.bound == pytest.approx(math.log(2))
    assert vae.measures["kl"].mean == pytest.approx(1500)
    assert vae.measures["kl"].spread == pytest.approx(math.sqrt(750_000))
    assert vae.measures["f_score_0.03"].mean == pytest.approx(0.3)
    assert arms["ae"].measures["kl"].mean is None
    assert (arms["ae"].failed, arms["ae"].seeds) == (3, 3)


def test_a_collapsed_run_stays_on_the_logarithmic_axis(tmp_path: Path) -> None:
    made = Fabricated(tmp_path, repeats=2)
    made.diagnose("vae@1", [_score(0.1), _score(0.1)], 0.0)
    charts = made.charts()
    (trace,) = (t for t in charts["rate-distortion-occupancy"]["traces"] if t["name"] == "vae")
    assert trace["x"] == [2500.0, SMALLEST_KL]
    assert "vae, seed 1" in trace["text"][1]
    assert "KL 0 nats" in trace["text"][1]
    # No Gaussian latent looks at depth: there is no rate to draw.
    assert "rate-distortion-depth_normal" not in charts


def test_lines_by_beta_join_arms_that_differ_only_in_weight(made: Fabricated) -> None:
    made.diagnose("vae-weak", [_score(0.3), _score(0.3)], 1.0)
    chart = made.charts()["ratio-by-beta"]
    (line,) = (trace for trace in chart["traces"] if trace["mode"] == "lines")
    assert line["x"] == [0.02, 2.0]
    assert line["y"] == pytest.approx([0.5, 0.75])
    points = {trace["name"]: trace for trace in chart["traces"] if trace["mode"] == "markers"}
    assert list(points) == list(BETAS)
    # Without a charge, beta is 0: at the axis' left end, which says so.
    axis = chart["layout"]["xaxis"]
    assert points["vae-free"]["x"][0] == axis["tickvals"][0] == pytest.approx(0.002)
    assert axis["ticktext"][0] == "0"


def test_dimensions_and_spectrum(made: Fabricated) -> None:
    charts = made.charts()
    traces = {trace["name"]: trace for trace in charts["kl-by-dimension"]["traces"]}
    assert list(traces) == list(BETAS)
    assert traces["vae"]["x"] == [50, 100]
    assert traces["vae"]["y"] == [2500 / 24, 2500 / 12]
    spectra = {trace["name"]: trace for trace in charts["spectrum"]["traces"]}
    assert spectra["occupancy"]["y"] == spectra["depth and normal"]["y"] == [100.0, 10.0]
    assert (spectra["vae"]["x"], spectra["vae"]["y"]) == ([2], [2.0])
    assert "vae-free" not in spectra


def test_41_arms_look_different() -> None:
    found = looks([f"arm-{index}" for index in range(41)])
    assert len({(look.colour, look.symbol) for look in found.values()}) == 41
