"""Scores of the real values of a document, beside a constant that knows their mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example

from ..components.score_scorer import measure, value_pairs
from ..components.score_values import GOLD_KEY


def has_values(doc: Doc) -> bool:
    """RETURNS (bool): Whether a gold document carries real values."""
    return bool(doc.user_data.get(GOLD_KEY))


def value_scores(examples: Sequence[Example]) -> dict[str, dict[str, Any] | None]:
    """Score every value that occurs in the gold documents, on the documents that carry it.

    examples (Sequence[Example]): Predicted and reference documents.
    RETURNS (dict): Name -> "mae", "rmse", "spearman", "r2", "n" (documents), and "baseline": "mae"
        and "rmse" of always predicting the "value" that is the mean of these gold values, the best
        constant there is for the squared error. None for a value that the pipeline does not
        predict.
    """
    names = {name for eg in examples for name in eg.reference.user_data.get(GOLD_KEY, ())}
    predicted = value_pairs(examples)
    return {
        name: _scores(np.array(predicted[name])) if predicted.get(name) else None
        for name in sorted(names)
    }


def _scores(pairs: np.ndarray) -> dict[str, Any]:
    mean = float(pairs[:, 0].mean())
    constant = measure(np.stack([pairs[:, 0], np.full(len(pairs), mean)], axis=1))
    baseline = {"value": mean, "mae": constant["mae"], "rmse": constant["rmse"]}
    return {**measure(pairs), "baseline": baseline}
