"""When an arm has failed, and when an oracle is a poor one: the one rule of each."""

FAILED_BELOW = 0.5
"""An arm whose F-score is below this share of its oracle's has failed."""

POOR_BELOW = 0.95
"""An oracle whose IoU with its mesh is below this is a poor one: its views do not hold the mesh."""


def is_poor(iou: float | None) -> bool:
    """Whether an oracle of that IoU with its mesh is too poor to judge others by."""
    return (iou or 0.0) < POOR_BELOW


def has_failed(empty: float, ratio: float | None) -> bool:
    """Whether an arm has failed on some heads.

    Args:
        empty: meshes without faces, counted or as a share.
        ratio: its mean F-score by its oracle's; None where the oracle's is 0, beside which nothing
            can be judged sound.
    """
    return empty > 0 or (ratio or 0.0) < FAILED_BELOW
