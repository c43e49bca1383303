"""Choosing among measured settings: rates by round, scores, and the rules for a change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

MARGIN = 1.03  # what is not faster by this factor is left alone: a shared machine drifts as much


@dataclass(frozen=True)
class Measured:
    """One value of a setting, measured beside others in turns.

    value (Any): The value.
    rates (list): Characters per second, one per round.
    ratios (list): The same over the present value's, in the same round.
    lost (float): The largest loss among the scores, in points of 100; negative for a gain.
    """

    value: Any
    rates: list[float]
    ratios: list[float]
    lost: float = 0.0

    def as_row(self, verdict: str) -> dict[str, Any]:
        """RETURNS (dict): What the record says about it."""
        return {
            "value": self.value,
            "characters_per_second": median(self.rates),
            "ratio": median(self.ratios),
            "lowest_ratio": min(self.ratios),
            "highest_ratio": max(self.ratios),
            "points_lost": self.lost,
            "verdict": verdict,
        }


def side_by_side(
    rates: Mapping[Any, Sequence[float]], present: Any, lost: Mapping[Any, float] | None = None
) -> list[Measured]:
    """Set the rates of every value in relation to those of the present one.

    rates (Mapping): Value -> characters per second, by round.
    present (Any): The value that is set now.
    lost (Mapping): Value -> points lost; none by default.
    RETURNS (list[Measured]): One per value.
    """
    return [
        Measured(
            value,
            list(rows),
            [rate / now for rate, now in zip(rows, rates[present], strict=True)],
            (lost or {}).get(value, 0.0),
        )
        for value, rows in rates.items()
    ]


def choose(
    measured: Sequence[Measured], present: Any, tolerance: float
) -> tuple[Any, list[dict[str, Any]]]:
    """Take the fastest value that costs no more than is allowed; stay, if none is clearly faster.

    measured (Sequence[Measured]): The present value among them.
    present (Any): The value that is set now.
    tolerance (float): Points of a score that may be lost.
    RETURNS (tuple): The value to set, and one row per value with "verdict": "chosen", "present",
        "slower", "costs too much", or "faster, but not the fastest".
    """
    allowed = [m for m in measured if m.lost <= tolerance and median(m.ratios) >= MARGIN]
    best = max(allowed, key=lambda m: median(m.ratios), default=None)
    chosen = present if best is None else best.value
    return chosen, [m.as_row(_verdict(m, chosen, present, tolerance)) for m in measured]


def _verdict(measured: Measured, chosen: Any, present: Any, tolerance: float) -> str:
    if measured.value == chosen:
        return "chosen"
    if measured.value == present:
        return "present"
    if measured.lost > tolerance:
        return "costs too much"
    fast = median(measured.ratios) >= MARGIN
    return "faster, but not the fastest" if fast else "slower"


def main_scores(scores: Mapping[str, Any]) -> dict[str, float]:
    """The scores that must not fall.

    scores (Mapping): As from `evaluation.evaluate.evaluate`.
    RETURNS (dict): Name -> value from 0 to 1: F1 of the entities, micro F1 of each head (for an
        exclusive one its accuracy), rank correlation of each value.
    """
    found: dict[str, float | None] = {}
    if scores["entities"]:
        found["entities F1"] = scores["entities"]["f1"]
    for head, rows in scores["heads"].items():
        if rows:
            found[f"{head} F1"] = rows["micro"]["f1"]
    for name, row in scores["scores"].items():
        if row:
            found[f"{name} rank correlation"] = row["spearman"]
    return {name: value for name, value in found.items() if value is not None}


def points_lost(scores: Mapping[str, float], reference: Mapping[str, float]) -> float:
    """RETURNS (float): The largest loss among the scores, in points of 100."""
    return max((100 * (reference[name] - scores[name]) for name in reference), default=0.0)
