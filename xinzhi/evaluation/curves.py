"""What a threshold on the confidence does: to precision and recall, to coverage and risk."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_curve

POINTS = 200  # of a curve; more cannot be seen
TARGETS = (0.9, 0.95, 0.98, 0.99)


def threshold_curve(
    confidence: np.ndarray, correct: np.ndarray, n_gold: int
) -> dict[str, Any] | None:
    """Precision, recall and F-score of what is left at each threshold.

    confidence (ndarray): Of each prediction.
    correct (ndarray): Booleans, same shape.
    n_gold (int): How many there are to be found.
    RETURNS (dict): "threshold", "precision", "recall", "f1": lists, by rising threshold;
        "average_precision" (the mean precision over the recall, as scikit-learn's, times the share
        of the gold cases that is predicted at all), "best": the point with the best F-score. None
        if nothing right was predicted.
    """
    if not n_gold or not correct.any():
        return None
    precision, recall, threshold = precision_recall_curve(correct, confidence)
    recall = recall * (correct.sum() / n_gold)
    area = float(-(np.diff(recall) * precision[:-1]).sum())
    precision, recall = precision[:-1], recall[:-1]
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    columns = {"threshold": threshold, "precision": precision, "recall": recall, "f1": f1}
    best = int(f1.argmax())
    kept = _thin(len(threshold))
    return {
        **{name: values[kept].tolist() for name, values in columns.items()},
        "average_precision": area,
        "best": {name: float(values[best]) for name, values in columns.items()},
    }


def risk_coverage(confidence: np.ndarray, correct: np.ndarray) -> dict[str, Any] | None:
    """How many errors are left if the pipeline abstains where it is least sure (El-Yaniv and Wiener
    2010, On the foundations of noise-free selective classification).

    confidence (ndarray): Of each decision.
    correct (ndarray): Booleans, same shape.
    RETURNS (dict): "coverage" (the share decided), "risk" (the share of these that is wrong),
        "threshold": lists, by rising coverage; decisions of equal confidence come together. "aurc":
        the mean risk over all coverages (Geifman and El-Yaniv 2017), "random_aurc": that of
        abstaining at random, "best_aurc": that of abstaining from errors first. "targets": for each
        accuracy the largest coverage that reaches it and its threshold, None if there is none. None
        without a decision.
    """
    if not len(confidence):
        return None
    order = np.argsort(-confidence, kind="stable")
    wrong = np.cumsum(~correct[order])
    decided = np.arange(1, len(order) + 1)
    ends = np.flatnonzero(np.append(np.diff(confidence[order]) != 0, True))
    coverage, risk = decided[ends] / len(order), wrong[ends] / decided[ends]
    threshold = confidence[order][ends]
    kept = _thin(len(ends))
    ideal = np.cumsum(np.sort(~correct)) / decided
    return {
        "coverage": coverage[kept].tolist(),
        "risk": risk[kept].tolist(),
        "threshold": threshold[kept].tolist(),
        "aurc": float(np.average(risk, weights=np.diff(ends, prepend=-1))),
        "random_aurc": float(1 - correct.mean()),
        "best_aurc": float(ideal.mean()),
        "targets": [_target(goal, coverage, risk, threshold) for goal in TARGETS],
    }


def _target(
    goal: float, coverage: np.ndarray, risk: np.ndarray, threshold: np.ndarray
) -> dict[str, float | None]:
    enough = np.flatnonzero(risk <= 1 - goal + 1e-12)
    if not len(enough):
        return {"accuracy": goal, "coverage": None, "threshold": None}
    last = enough[-1]
    return {
        "accuracy": goal,
        "coverage": float(coverage[last]),
        "threshold": float(threshold[last]),
    }


def _thin(points: int) -> np.ndarray:
    """RETURNS (ndarray): Indices of at most POINTS points, the first and the last among them."""
    return np.unique(np.linspace(0, points - 1, min(points, POINTS)).round().astype(int))
