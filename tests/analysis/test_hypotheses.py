"""Hypotheses: mistakes in one line each, and outcomes over seeds with missing values."""

import math
import statistics

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from hexplane.analysis.hypotheses import judge
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.parse import explain
from hexplane.settings.hypotheses import AgreementCondition, BoundCondition, Hypothesis, check_arms

NAN, INF = math.nan, math.inf
HYPOTHESES = TypeAdapter(dict[str, Hypothesis])
PRESET = """
H-input:
  claim: Binary input fails under every setting.
  holds_if:
    - {arms: [vae-occupancy*], measure: failed, at_least: 1}
H-KL:
  claim: Both inputs fail and recover together.
  holds_if:
    - {pairs: [[vae-occupancy-b1, vae-depth-b1], [vae-occupancy-b2, vae-depth-b2]], measure: failed}
    - {arms: [vae-occupancy-b*], some: true, measure: failed, at_least: 1}
    - {arms: [vae-occupancy-b*], some: true, measure: failed, at_most: 0}
H-cap:
  claim: The cap halves the rate at most.
  holds_if:
    - {arms: [vae-cap], measure: kl, at_least: 0.5, relative_to: vae-free, split: train}
"""
ARMS = ["vae-occupancy-b1", "vae-occupancy-b2", "vae-depth-b1", "vae-depth-b2", "vae-cap",
        "vae-free"]  # fmt: skip


def _preset():
    return HYPOTHESES.validate_python(yaml.safe_load(PRESET))


def _hypothesis(*conditions) -> dict[str, Hypothesis]:
    return {"H": Hypothesis.model_validate({"claim": "c", "holds_if": conditions})}


def _rows(measure="m", split="held_out", **values):
    """One row for each arm's values, at seeds 0, 1, and so on; `...` leaves a row out."""
    return [
        {"arm": arm.replace("_", "-"), "seed": seed, "split": split, measure: value}
        for arm, series in values.items()
        for seed, value in enumerate(series)
        if value is not ...
    ]


def _judge(condition, names=None, **values):
    conditions = condition if isinstance(condition, list) else [condition]
    (verdict,) = judge(_hypothesis(*conditions), _rows(**values), names)
    return verdict


def _held(condition, **values):
    return list(_judge(condition, **values).held.values())


# The preset


def test_defaults_and_kinds_of_condition():
    preset = _preset()
    (bound,) = preset["H-input"].holds_if
    assert isinstance(bound, BoundCondition)
    assert (bound.split, bound.some, bound.at_most, bound.relative_to) == (
        "held_out", False, None, None,
    )  # fmt: skip
    assert [type(part) for part in preset["H-KL"].holds_if] == [
        AgreementCondition,
        BoundCondition,
        BoundCondition,
    ]
    (cap,) = preset["H-cap"].holds_if
    assert (cap.split, cap.relative_to, cap.at_least) == ("train", "vae-free", 0.5)


def test_preset_survives_json():
    preset = _preset()
    assert HYPOTHESES.validate_json(HYPOTHESES.dump_json(preset)) == preset


def test_schema_describes_every_key():
    groups = HYPOTHESES.json_schema()["$defs"]
    assert set(groups) == {"AgreementCondition", "BoundCondition", "Hypothesis"}
    for group in groups.values():
        for name, key in group["properties"].items():
            assert key.get("description"), name


BOUND = {"arms": ["a"], "measure": "m", "at_least": 1}
PAIRS = {"pairs": [["a", "b"]], "measure": "m"}


def _without(condition, key):
    return {name: value for name, value in condition.items() if name != key}


@pytest.mark.parametrize(
    ("hypothesis", "line"),
    [
        ({"claim": "c", "holds_if": [BOUND], "x": 1},
         "H: unknown key 'x' (allowed: claim, holds_if)"),
        ({"holds_if": [BOUND]}, "H.claim: field required"),
        ({"claim": "", "holds_if": [BOUND]},
         "H.claim: string should have at least 1 character (got '')"),
        ({"claim": "c"}, "H.holds_if: field required"),
        ({"claim": "c", "holds_if": []},
         "H.holds_if: list should have at least 1 item after validation, not 0 (got [])"),
    ],
)  # fmt: skip
def test_mistakes_in_a_hypothesis(hypothesis, line):
    with pytest.raises(ValidationError) as caught:
        HYPOTHESES.validate_python({"H": hypothesis})
    assert explain(caught.value, {"H": hypothesis}) == line


@pytest.mark.parametrize(
    ("condition", "line"),
    [
        (_without(BOUND, "at_least"), ": at_least, at_most or both are needed"),
        (BOUND | {"at_most": 0.5}, ": at_least 1 is above at_most 0.5"),
        (BOUND | {"at_leats": 1},
         ": unknown key 'at_leats' (allowed: measure, split, arms, some, at_least, at_most, "
         "relative_to)"),
        (BOUND | {"at_least": NAN}, ".at_least: input should be a finite number (got nan)"),
        (BOUND | {"arms": []},
         ".arms: list should have at least 1 item after validation, not 0 (got [])"),
        (_without(BOUND, "arms"), ".arms: field required"),
        (_without(BOUND, "measure"), ".measure: field required"),
        (BOUND | {"split": "test"},
         ".split: input should be 'train' or 'held_out' (got 'test')"),
        (PAIRS | {"arms": ["a"]},
         ": unknown key 'arms' (allowed: measure, split, pairs)"),
        (PAIRS | {"pairs": []},
         ".pairs: list should have at least 1 item after validation, not 0 (got [])"),
        (PAIRS | {"pairs": [["a"]]}, ".pairs.0.1: field required"),
        (PAIRS | {"pairs": [["a", "a"]]}, ": 'a' is paired with itself"),
    ],
)  # fmt: skip
def test_mistakes_in_a_condition(condition, line):
    with pytest.raises(ValidationError) as caught:
        HYPOTHESES.validate_python(values := {"H": {"claim": "c", "holds_if": [condition]}})
    assert explain(caught.value, values) == f"H.holds_if.0{line}"


def test_equal_bounds_are_allowed():
    assert _held(BOUND | {"at_most": 1}, a=[0.9, 1, 1.1]) == [False, True, False]


def test_preset_fits_its_arms_and_measures():
    check_arms(_preset(), ARMS)
    check_arms(_preset(), ARMS, {"failed", "kl"})


THERE_ARE = "(there are: a, b)"


@pytest.mark.parametrize(
    ("condition", "lines"),
    [
        (BOUND | {"arms": ["a", "x", "A*"]},
         [f"arms: no arm matches 'x' {THERE_ARE}",
          f"arms: no arm matches 'A*' {THERE_ARE}"]),
        (BOUND | {"relative_to": "b*"}, [f"relative_to: no arm named 'b*' {THERE_ARE}"]),
        (BOUND | {"arms": ["a", "?"], "relative_to": "b"},
         ["arms: '?' takes in 'b', which the arms are relative to"]),
        (PAIRS | {"pairs": [["a", "b"], ["x", "b*"]]},
         [f"pairs.1: no arm named 'x' {THERE_ARE}",
          f"pairs.1: no arm named 'b*' {THERE_ARE}"]),
        (BOUND | {"measure": "n"}, ["measure: unknown measure 'n' (allowed: k, m)"]),
        (PAIRS | {"measure": "n"}, ["measure: unknown measure 'n' (allowed: k, m)"]),
    ],
)  # fmt: skip
def test_unknown_arms_and_measures(condition, lines):
    with pytest.raises(UserError) as caught:
        check_arms(_hypothesis(BOUND, condition), ["a", "b"], ["m", "k"])
    assert str(caught.value).splitlines() == [f"hypotheses.H.holds_if.1.{line}" for line in lines]


def test_mistakes_of_all_hypotheses_at_once():
    with pytest.raises(UserError) as caught:
        check_arms(_preset(), ["vae-occupancy-b1"])
    keys = [line.split(":")[0] for line in str(caught.value).splitlines()]
    assert keys == [
        "hypotheses.H-KL.holds_if.0.pairs.0",
        "hypotheses.H-KL.holds_if.0.pairs.1",
        "hypotheses.H-KL.holds_if.0.pairs.1",
        "hypotheses.H-cap.holds_if.0.arms",
        "hypotheses.H-cap.holds_if.0.relative_to",
    ]


# Outcomes


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ([1, 2], "supported"),
        ([0, 0.5], "contradicted"),
        ([1, 0], "undecided"),
        ([1, None], "undecided"),
        ([0, None], "undecided"),
        ([NAN, NAN], "undecided"),
        ([1], "supported"),
        ([INF, INF], "supported"),
        ([-INF], "contradicted"),
    ],
)
def test_outcome_over_seeds(values, outcome):
    assert _judge(BOUND, a=values).outcome == outcome


@pytest.mark.parametrize("condition", [BOUND, PAIRS, BOUND | {"some": True}])
def test_an_empty_table_decides_nothing(condition):
    verdict = _judge(condition)
    assert (verdict.outcome, verdict.held) == ("undecided", {})


def test_preset_on_a_table_of_runs():
    rows = _rows(
        "failed",
        vae_occupancy_b1=[1, 1],
        vae_depth_b1=[1, 1],
        vae_occupancy_b2=[0, 0],
        vae_depth_b2=[0, 0],
    )
    rows += _rows("kl", "train", vae_cap=[1.0, 3.0], vae_free=[2.0, 8.0])
    outcomes = {verdict.name: verdict.outcome for verdict in judge(_preset(), rows, ARMS)}
    assert outcomes == {"H-input": "contradicted", "H-KL": "supported", "H-cap": "undecided"}


def test_verdicts_keep_names_claims_and_order():
    verdicts = judge(_preset(), [])
    assert [(verdict.name, verdict.claim) for verdict in verdicts] == [
        (name, hypothesis.claim) for name, hypothesis in _preset().items()
    ]
    assert [len(verdict.findings) for verdict in verdicts] == [1, 3, 1]


@pytest.mark.parametrize("missing", [None, NAN, ...])
def test_missing_values_count_only_where_they_decide(missing):
    both = BOUND | {"arms": ["a", "b"]}
    # By seed: missing beside what holds, beside what fails, beside another missing one.
    # Arm c keeps the third seed in the table where rows are left out.
    values = {"a": [missing, missing, missing, 0], "b": [1, 0, missing, 0], "c": [1, 1, 1, 1]}
    assert _held(both, **values) == [None, False, None, False]
    assert _held(both | {"some": True}, **values) == [True, None, None, False]
    # The same between conditions.
    verdict = _judge([BOUND, BOUND | {"arms": ["b"]}], **values)
    assert list(verdict.held.values()) == [None, False, None, False]
    assert [list(finding.held.values()) for finding in verdict.findings] == [
        [None, None, None, False],
        [True, False, None, False],
    ]


def test_every_and_some_without_missing_values():
    both = BOUND | {"arms": ["a", "b"]}
    values = {"a": [1, 0, 1, 0], "b": [1, 1, 0, 0]}
    assert _held(both, **values) == [True, False, False, False]
    assert _held(both | {"some": True}, **values) == [True, True, True, False]


def test_a_measure_that_no_row_has_is_missing():
    assert _held(BOUND | {"measure": "n"}, a=[1]) == [None]


@pytest.mark.parametrize(
    ("low", "high", "held"),
    [
        (1, None, [False, True, True, True, False]),
        (None, 2, [True, True, True, False, True]),
        (1, 2, [False, True, True, False, False]),
    ],
)
def test_bounds_include_their_ends(low, high, held):
    condition = BOUND | {"at_least": low, "at_most": high}
    assert _held(condition, a=[0.9, 1, 2, INF, -INF]) == held


def _arms(verdict):
    return [part.series[0].arm for part in verdict.findings[0].evidence]


def test_patterns_take_in_arms_once_each():
    values = {"vae_b1": [1], "ae": [0], "vae_b2": [1], "VAE": [0]}
    verdict = _judge(BOUND | {"arms": ["vae-*", "vae-b?"]}, **values)
    assert _arms(verdict) == ["vae-b1", "vae-b2"]
    assert verdict.outcome == "supported"
    assert _arms(_judge(BOUND | {"arms": ["[av]*"]}, **values)) == ["vae-b1", "ae", "vae-b2"]


def test_arms_without_rows_are_missing_and_not_passed_over():
    pattern = BOUND | {"arms": ["a*"]}
    assert _judge(pattern, a1=[1]).outcome == "supported"
    verdict = _judge(pattern, names=["a1", "a2", "b"], a1=[1])
    assert (_arms(verdict), verdict.outcome) == (["a1", "a2"], "undecided")
    verdict = _judge(BOUND | {"arms": ["a1", "x", "y*"]}, a1=[1])
    assert (_arms(verdict), verdict.outcome) == (["a1", "x", "y*"], "undecided")
    assert _judge(BOUND | {"arms": ["a1", "x"], "at_least": 2}, a1=[1]).outcome == "contradicted"


def test_a_seed_of_another_arm_counts():
    verdict = _judge(BOUND, a=[1], b=[1, 1])
    assert (verdict.outcome, verdict.held) == ("undecided", {0: True, 1: None})


def test_splits_are_apart():
    rows = _rows(a=[1]) + _rows(split="train", a=[0])
    (held_out,) = judge(_hypothesis(BOUND), rows)
    (train,) = judge(_hypothesis(BOUND | {"split": "train"}), rows)
    assert (held_out.outcome, train.outcome) == ("supported", "contradicted")


def test_pairs_agree_where_their_values_are_equal():
    two = PAIRS | {"pairs": [["a", "b"], ["c", "d"]]}
    values = {
        "a": [1, 1, None, INF, None],
        "b": [1, 0, None, INF, 1],
        "c": [0, 0, 0, 2, 0],
        "d": [0, 0, 0, 2, 1],
    }
    verdict = _judge(two, **values)
    assert list(verdict.held.values()) == [True, False, None, True, False]
    first, second = verdict.findings[0].evidence
    assert list(first.held.values()) == [True, False, None, True, None]
    assert list(second.held.values()) == [True, True, True, True, False]
    assert [series.arm for series in second.series] == ["c", "d"]
    assert list(second.series[1].values.values()) == [0, 0, 0, 2, 1]
    assert second.series[1].mean == 0.6
    assert second.series[1].spread == statistics.stdev([0, 0, 0, 2, 1])


def test_relative_values_are_of_the_same_seed():
    relative = BOUND | {"at_least": 0.5, "relative_to": "b"}
    verdict = _judge(
        relative,
        a=[1, 1, 0, 1, None, INF, 3, ...],
        b=[2, 4, 0, NAN, 1, INF, INF, 1],
    )
    (evidence,) = verdict.findings[0].evidence
    ratios = [0.5, 0.25, None, None, None, None, 0, None]
    assert list(evidence.series[0].values.values()) == ratios
    assert list(verdict.held.values()) == [True, False, None, None, None, None, False, None]
    assert evidence.series[0].mean == 0.25
    assert evidence.series[0].spread == statistics.stdev([0.5, 0.25, 0])


def test_relative_values_are_of_the_same_split():
    relative = BOUND | {"relative_to": "b", "split": "train"}
    rows = _rows(split="train", a=[2], b=[2]) + _rows(b=[8])
    assert judge(_hypothesis(relative), rows)[0].outcome == "supported"


# Evidence


@pytest.mark.parametrize(
    ("values", "mean", "spread"),
    [
        ([0.1, 0.4, 0.7], statistics.fmean([0.1, 0.4, 0.7]), statistics.stdev([0.1, 0.4, 0.7])),
        ([0.1, None, 0.7], statistics.fmean([0.1, 0.7]), statistics.stdev([0.1, 0.7])),
        ([0.1], 0.1, None),
        ([0.1, NAN], 0.1, None),
        ([None, None], None, None),
        ([INF, 1], INF, None),
        ([INF, -INF], None, None),
    ],
)
def test_mean_and_spread_over_seeds(values, mean, spread):
    (evidence,) = _judge(BOUND, a=values).findings[0].evidence
    (series,) = evidence.series
    assert (series.mean, series.spread) == (mean, spread)
    known = [None if value is None or math.isnan(value) else value for value in values]
    assert series.values == dict(enumerate(known))


def test_seeds_are_in_order():
    seeds = [8, 3, 1]
    rows = [row | {"seed": seeds[row["seed"]]} for row in _rows(a=[1, 0, 1])]
    (verdict,) = judge(_hypothesis(BOUND), rows)
    assert list(verdict.held.items()) == [(1, True), (3, False), (8, True)]


@pytest.mark.parametrize(
    ("condition", "asked"),
    [
        (BOUND, "On held-out heads, m of a is at least 1."),
        (BOUND | {"arms": ["a*"]}, "On held-out heads, m of every arm named a* is at least 1."),
        (
            {"arms": ["a", "b"], "some": True, "measure": "m", "at_most": 0.25, "split": "train"},
            "On training heads, m of some arm named a or b is at most 0.25.",
        ),
        (
            BOUND | {"at_most": 20000000, "relative_to": "b"},
            "On held-out heads, m of a, divided by that of b, is at least 1 and at most 20000000.",
        ),
        (
            PAIRS | {"pairs": [["a", "b"], ["c", "d"]]},
            "On held-out heads, m is the same for a and b, and for c and d.",
        ),
    ],
)
def test_conditions_in_words(condition, asked):
    assert _judge(condition).findings[0].asked == asked


def test_two_rows_for_one_run_are_refused():
    with pytest.raises(ValueError, match="two rows"):
        judge(_hypothesis(BOUND), _rows(a=[1]) * 2)
