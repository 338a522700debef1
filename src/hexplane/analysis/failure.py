"""When an arm has failed: the one rule, for a row of scores and for a run."""

FAILED_BELOW = 0.5
"""An arm whose F-score is below this share of its oracle's has failed."""


def has_failed(empty: float, ratio: float | None) -> bool:
    """Whether an arm has failed on some heads.

    Args:
        empty: meshes without faces, counted or as a share.
        ratio: its mean F-score by its oracle's; None where the oracle's is 0, beside which nothing
            can be judged sound.
    """
    return empty > 0 or (ratio or 0.0) < FAILED_BELOW
