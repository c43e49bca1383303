"""Medians, percentiles and ratios of measured values. Plain numbers in, plain numbers out."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

# What every report has, measured or not. Each is above 1 where our pipeline is the better one.
RATIOS = {
    "predict_vs_stock": "characters/s of nlp.pipe, ours / stock",
    "predict_vs_hf": "characters/s of nlp.pipe, ours / the transformers pipeline",
    "train_vs_stock": "characters/s of training, ours / stock, each with its config's batch size",
    "train_vs_stock_fastest": "the same, each with the batch size it is fastest with",
    "train_vs_hf": "characters/s of training, ours / a plain loop over the same batches",
    "load_vs_stock": "seconds from a new Python to the first prediction, stock / ours",
    "size_vs_stock": "bytes of the folder, stock / ours",
    "rss_vs_stock": "peak memory of a process that loads and predicts, stock / ours",
    "latency_vs_stock": "median time of a single document, stock / ours",
    "latency_vs_hf": "median time of a single document, the transformers pipeline / ours",
}


def summarise(values: Sequence[float]) -> dict[str, Any]:
    """Describe repeated measurements.

    values (Sequence[float]): One per round, at least one.
    RETURNS (dict): "median", "low", "high" (smallest and largest), "values".
    """
    return {
        "median": median(values),
        "low": min(values),
        "high": max(values),
        "values": list(values),
    }


def percentile(values: Sequence[float], share: float) -> float:
    """RETURNS (float): The value that this share (0 to 1) of the values does not exceed, by linear
    interpolation between neighbours (method 7 of Hyndman and Fan 1996, numpy's default)."""
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def faster(ours: Sequence[float], other: Sequence[float]) -> dict[str, Any]:
    """Compare rates: more is better.

    ours, other (Sequence[float]): One per round, in the same order: both sides of a ratio were
        measured within one round, so that the drift of a shared machine cancels out.
    RETURNS (dict): As `summarise`, of the rounds' ratios; above 1 if ours is better.
    """
    return summarise([a / b for a, b in zip(ours, other, strict=True)])


def leaner(ours: Sequence[float], other: Sequence[float]) -> dict[str, Any]:
    """Compare costs (seconds, bytes): less is better. As `faster` otherwise."""
    return faster(other, ours)


def complete(measured: dict[str, dict[str, Any]]) -> dict[str, float | None]:
    """RETURNS (dict): The median of every ratio in `RATIOS`; None for one not measured."""
    return {name: measured[name]["median"] if name in measured else None for name in RATIOS}
