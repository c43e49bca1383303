"""Reasons to stop training at an evaluation: the score has collapsed, or no longer improves."""

from __future__ import annotations

import math
from collections.abc import Sequence

LARGEST_JUMP = 10.0
LOWEST_BEST = 0.1  # scores of a pipeline that has learned nothing yet jump about


def collapsed(
    scores: Sequence[float], ratio: float, evaluations: int | None, lowest: float = LOWEST_BEST
) -> str | None:
    """Whether the score has fallen and stays down.

    scores (Sequence): The score of each evaluation so far.
    ratio (float): Below this share of the best score so far, an evaluation counts as fallen.
    evaluations (int | None): How many fallen ones in a row are a collapse; None is off.
    lowest (float): Best scores up to this do not count.
    RETURNS (str): What happened; None if nothing did.
    """
    if scores and not math.isfinite(scores[-1]):
        return f"the score is {scores[-1]}"
    if evaluations is None or len(scores) <= evaluations:
        return None
    best = max(scores[:-evaluations])
    last = scores[-evaluations:]
    if best <= lowest or max(last) >= ratio * best:
        return None
    fallen = ", ".join(f"{score:.4f}" for score in last)
    return f"the score fell from {best:.4f} to {fallen}"


def not_improving(scores: Sequence[float], patience: int | None) -> str | None:
    """Whether the score has stopped to improve. The same score again is no improvement.

    scores (Sequence): The score of each evaluation so far.
    patience (int | None): How many evaluations may pass without a better one; None is off.
    RETURNS (str): What happened; None if it still improves.
    """
    if patience is None or not scores:
        return None
    since = len(scores) - 1 - scores.index(max(scores))
    if since < patience:
        return None
    return f"no better score in {since} evaluation{'s' * (since > 1)} (run.patience)"


def jumped(before: float, after: float) -> str | None:
    """Whether an update has made the loss on its own batch many times higher.

    before, after (float): The loss of the batch before and after the update.
    RETURNS (str): What happened; None if nothing did.
    """
    if after <= LARGEST_JUMP * max(before, 1e-6):  # not so if it is NaN
        return None
    return f"the loss of a batch jumped from {before:.4g} to {after:.4g}"


def not_finite(losses: dict[str, float], gradient_norm: float) -> str | None:
    """Whether an update has produced NaN or infinity.

    losses (dict): Component -> loss.
    gradient_norm (float): The norm of all gradients.
    RETURNS (str): What was found; None if all is well.
    """
    for name, loss in losses.items():
        if not math.isfinite(loss):
            return f"the loss of '{name}' is {float(loss)}"
    if not math.isfinite(gradient_norm):
        return f"the norm of the gradients is {gradient_norm}"
    return None
