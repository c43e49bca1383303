"""Scores of real values of a document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example

from .metrics import mean_or_none, spearman
from .score_values import gold_scores


def values_score(examples: Iterable[Example], **_: Any) -> dict[str, Any]:
    """Score all values that were predicted, each on the documents that are annotated with it.

    RETURNS (dict): "score_values": name -> mae, rmse, spearman, r2, n; "score_NAME_mae" and so on
        for each; "score_spearman" and "score_mae": means over the names. Values are None if there
        is nothing to score, spearman and r2 also if all gold values are the same.
    """
    pairs = value_pairs(examples)
    values = {name: measure(np.array(pairs[name]).reshape(-1, 2)) for name in sorted(pairs)}
    scores: dict[str, Any] = {"score_values": values}
    for name, measured in values.items():
        scores.update({f"score_{name}_{key}": value for key, value in measured.items()})
    for key in ("spearman", "mae"):
        scores[f"score_{key}"] = mean_or_none([measured[key] for measured in values.values()])
    return scores


def value_pairs(examples: Iterable[Example]) -> dict[str, list[tuple[float, float]]]:
    """Put gold and predicted values side by side.

    RETURNS (dict): Every score that is predicted -> (gold, predicted) of each annotated document.
    RAISES (XinzhiError): If a gold value is no finite number.
    """
    pairs: dict[str, list[tuple[float, float]]] = {}
    known = Doc.has_extension("scores")
    for example in examples:
        gold = gold_scores(example.reference, {})
        for name, value in (example.predicted._.scores if known else {}).items():
            pairs.setdefault(name, [])
            if name in gold:
                pairs[name].append((gold[name], value))
    return pairs


def measure(pairs: np.ndarray) -> dict[str, Any]:
    """Compare gold and predicted values.

    pairs (ndarray): Rows of gold and predicted value, shape (documents, 2).
    RETURNS (dict): mae, rmse, spearman, r2, n.
    """
    if not len(pairs):
        return {"mae": None, "rmse": None, "spearman": None, "r2": None, "n": 0}
    gold, predicted = pairs.T
    error = predicted - gold
    spread = ((gold - gold.mean()) ** 2).sum()
    return {
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "spearman": _rank_correlation(gold, predicted),
        "r2": float(1 - (error**2).sum() / spread) if spread else None,
        "n": len(pairs),
    }


def _rank_correlation(gold: np.ndarray, predicted: np.ndarray) -> float | None:
    """RETURNS (float): Spearman's; 0 if all predictions are the same: a score that is None at first
    is left out by `spacy train` for good when it chooses the best pipeline."""
    found = spearman(gold, predicted)
    return 0.0 if found is None and len(set(gold)) > 1 else found
