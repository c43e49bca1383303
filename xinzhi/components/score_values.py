"""Gold values of a document, and the scale of each: bounds, mean and deviation."""

from __future__ import annotations

import math

import numpy as np
import torch
from spacy.tokens import Doc

from ..errors import XinzhiError
from .base import record_of

GOLD_KEY = "scores"


def new_scale(
    name: str, low: float | None, high: float | None, mean: float | None, deviation: float | None
) -> dict[str, float]:
    """Settle the scale of a score that has no training data yet.

    RETURNS (dict): mean, deviation, and low and high if there are bounds.
    RAISES (XinzhiError): If the bounds are not a range, or the deviation is not positive.
    """
    given = {"low": low, "high": high}
    bounds = {key: float(value) for key, value in given.items() if value is not None}
    check_bounds(name, bounds)
    if deviation is not None and not 0 < deviation < math.inf:
        raise XinzhiError(f"Score '{name}': deviation = {deviation}.", "Use a positive number.")
    middle, quarter = 0.0, 1.0
    if bounds:
        middle = (bounds["low"] + bounds["high"]) / 2
        quarter = (bounds["high"] - bounds["low"]) / 4
    return {
        **bounds,
        "mean": middle if mean is None else float(mean),
        "deviation": quarter if deviation is None else float(deviation),
    }


def check_bounds(name: str, bounds: dict[str, float]) -> None:
    """RAISES (XinzhiError): If the bounds of a score are not a range."""
    if not bounds:
        return
    low, high = bounds.get("low", math.nan), bounds.get("high", math.nan)
    if not low < high or math.isinf(low) or math.isinf(high):
        raise XinzhiError(
            f"Score '{name}' has the bounds {bounds}.", "Give both low and high, low < high."
        )


def describe(bounds: dict[str, float], values: list[float]) -> dict[str, float]:
    """RETURNS (dict): The bounds of a score, if any, and mean and deviation of its gold values."""
    mean = float(np.mean(values)) if values else bounds.get("mean", 0.0)
    deviation = float(np.std(values)) if values else bounds.get("deviation", 1.0)
    return {**bounds, "mean": mean, "deviation": deviation or 1.0}


def gold_scores(doc: Doc, scores: dict[str, dict[str, float]]) -> dict[str, float]:
    """Read the gold values of a document.

    scores (dict): Bounds by name, where there are any.
    RETURNS (dict): name -> value.
    RAISES (XinzhiError): If a value is not a finite number, or out of bounds.
    """
    gold = doc.user_data.get(GOLD_KEY, {})
    for name, value in gold.items():
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            raise XinzhiError(
                f"{record_of(doc)}: the score '{name}' is {value!r}.",
                "Scores must be finite numbers; leave a score out if it is not annotated.",
            )
        bounds = scores.get(name, {})
        if "low" in bounds and not bounds["low"] <= value <= bounds["high"]:
            raise XinzhiError(
                f"{record_of(doc)}: the score '{name}' is {value}, outside of "
                f"{bounds['low']} to {bounds['high']}.",
                "Correct the value, or the bounds in the config.",
            )
    return gold


def standardised(output: torch.Tensor, scale: dict[str, float]) -> torch.Tensor:
    """Turn the output of the model into a standardised value. With bounds, through a sigmoid that
    stays between them and maps 0 to the mean.

    output (Tensor): Shape (documents,).
    scale (dict): mean, deviation, and perhaps low and high.
    RETURNS (Tensor): Shape (documents,).
    """
    if "low" not in scale:
        return output
    width = (scale["high"] - scale["low"]) / scale["deviation"]
    share = (scale["mean"] - scale["low"]) / (scale["high"] - scale["low"])
    share = min(max(share, 0.01), 0.99)
    low = (scale["low"] - scale["mean"]) / scale["deviation"]
    offset = math.log(share / (1 - share))
    return low + width * torch.sigmoid(4 * output / width + offset)
