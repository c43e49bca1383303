"""Small measures for scorers, so that a packaged pipeline needs no further library to score."""

from __future__ import annotations

import numpy as np


def ranks(values: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): Ranks from 1, ties at their mean rank, shape of the values."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]


def roc_auc(positive: np.ndarray, scores: np.ndarray) -> float | None:
    """Area under the ROC curve: the probability that a positive case outranks a negative one.

    positive (ndarray): Booleans.
    scores (ndarray): Higher for positive cases.
    RETURNS (float): From 0 to 1; None unless there are cases of both kinds.
    """
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return None
    above = ranks(scores)[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(above / (n_positive * n_negative))


def spearman(a: np.ndarray, b: np.ndarray) -> float | None:
    """RETURNS (float): Spearman's rank correlation; None if one side is constant."""
    if len(a) < 2:
        return None
    a, b = ranks(a), ranks(b)
    spread = a.std() * b.std()
    return float(((a - a.mean()) * (b - b.mean())).mean() / spread) if spread else None


def mean_or_none(values: list[float | None]) -> float | None:
    """RETURNS (float): The mean of the values that exist; None if there are none."""
    present = [value for value in values if value is not None]
    return float(np.mean(present)) if present else None


def prf(tp: int, fp: int, fn: int) -> dict[str, float]:
    """RETURNS (dict): Precision p, recall r and F-score f; 0 where a denominator is 0."""
    p = tp / (tp + fp) if tp + fp else 0.0
    r = tp / (tp + fn) if tp + fn else 0.0
    return {"p": p, "r": r, "f": 2 * p * r / (p + r) if p + r else 0.0}


def averages(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> dict[str, dict[str, float] | None]:
    """Average precision, recall and F-score over labels.

    This is the one definition of the macro-F in this library: the unweighted mean of the F-scores
    of all labels that occur, in the gold annotation or in a prediction. A label that is only
    predicted counts with 0. It equals scikit-learn's `f1_score(gold, predicted, average="macro")`
    for one label per item, and for several (where scikit-learn averages over all columns) that with
    `zero_division=np.nan`.

    tp, fp, fn (ndarray): True positives, false positives and false negatives, shape (labels,).
    RETURNS (dict): "micro" (all cases together), "macro" (mean over the labels), "weighted" (mean
        weighted by the gold cases): p, r, f each. None if no label occurs, "weighted" also if none
        occurs in gold.
    """
    seen = tp + fp + fn > 0
    if not seen.any():
        return {"micro": None, "macro": None, "weighted": None}
    tp, fp, fn = tp[seen], fp[seen], fn[seen]
    rows = [prf(*counts) for counts in zip(tp.tolist(), fp.tolist(), fn.tolist(), strict=True)]
    support = tp + fn
    weighted = _mean_row(rows, support) if support.any() else None
    micro = prf(int(tp.sum()), int(fp.sum()), int(fn.sum()))
    return {"micro": micro, "macro": _mean_row(rows, np.ones(len(rows))), "weighted": weighted}


def _mean_row(rows: list[dict[str, float]], weights: np.ndarray) -> dict[str, float]:
    return {key: float(np.average([row[key] for row in rows], weights=weights)) for key in "prf"}
