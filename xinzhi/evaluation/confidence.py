"""How far confidences can be relied on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from spacy.tokens import Span
from spacy.training import Example

from ..components.cats_scorer import decisions_of
from ..components.heads import group_cats
from ..components.metrics import roc_auc
from .fitting import binary_loss

N_BINS = 10
MISSING_IOB = 0


def expected_calibration_error(
    confidence: np.ndarray, correct: np.ndarray, n_bins: int = N_BINS
) -> float | None:
    """The mean distance between confidence and accuracy over equally wide bins of confidence,
    weighted by the cases in each (Naeini et al. 2015).

    confidence (ndarray): From 0 to 1.
    correct (ndarray): Booleans, same shape.
    n_bins (int): Number of bins.
    RETURNS (float): From 0 to 1; None without a case.
    """
    if not len(confidence):
        return None
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    gaps = np.bincount(bins, weights=confidence - correct, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(confidence))


def confidence_scores(confidence: np.ndarray, correct: np.ndarray) -> dict[str, Any]:
    """Score confidences against outcomes.

    RETURNS (dict): "ece" and the number of its "bins", "auc" (of correct against wrong),
        "log_loss", "accuracy", "n". Values are None where they are not defined.
    """
    correct = np.asarray(correct, dtype=bool)
    confidence = np.asarray(confidence, dtype=float)
    return {
        "n": len(confidence),
        "bins": N_BINS,
        "ece": expected_calibration_error(confidence, correct),
        "auc": roc_auc(correct, confidence),
        "log_loss": binary_loss(confidence, correct) if len(correct) else None,
        "accuracy": float(correct.mean()) if len(correct) else None,
    }


def judge_spans(example: Example, spans: Sequence[tuple[int, int, str]]) -> list[bool | None]:
    """Compare predicted entities with the gold ones.

    example (Example): The document.
    spans (Sequence): First token, end and label, in tokens of the prediction.
    RETURNS (list): True if a gold entity has the same boundaries and label, None if the gold
        annotation is missing somewhere in the span.
    """
    gold = {
        (span.start, span.end, span.label_)
        for span in example.get_aligned_spans_y2x(example.reference.ents, allow_overlap=False)
    }
    missing = [value == MISSING_IOB for value in example.get_aligned("ENT_IOB")]
    return [None if any(missing[span[0] : span[1]]) else tuple(span) in gold for span in spans]


def entity_confidence(examples: Sequence[Example]) -> dict[str, Any] | None:
    """Score the confidences of the predicted entities; those without one are left out.

    examples (Sequence): Predicted documents with gold ones.
    RETURNS (dict): See `confidence_scores`; None if no entity has a confidence.
    """
    if not Span.has_extension("confidence"):
        return None
    pairs: list[tuple[float, bool]] = []
    for example in examples:
        ents = [ent for ent in example.predicted.ents if ent._.confidence is not None]
        outcomes = judge_spans(example, [(ent.start, ent.end, ent.label_) for ent in ents])
        confidences = [ent._.confidence for ent in ents]
        pairs += [(c, o) for c, o in zip(confidences, outcomes, strict=True) if o is not None]
    if not pairs:
        return None
    confidence, correct = zip(*pairs, strict=True)
    return confidence_scores(np.array(confidence), np.array(correct))


def head_confidence(examples: Sequence[Example]) -> dict[str, dict[str, Any]]:
    """Score the confidences of the heads: of an exclusive head the probability of its best label,
    of any other head those of all yes or no decisions.

    examples (Sequence): Predicted documents with gold ones.
    RETURNS (dict): Per head, see `confidence_scores`.
    """
    pairs: dict[str, list[tuple[float, bool]]] = {}
    for example in examples:
        gold = group_cats(example.reference.cats)
        predicted = group_cats(example.predicted.cats)
        for head, decision in decisions_of(example.predicted).items():
            values = gold.get(head, {})
            if not values:
                continue
            rows = pairs.setdefault(head, [])
            if isinstance(decision, str):
                rows.append((predicted[head][decision], values.get(decision, 0.0) >= 0.5))
                continue
            for label, value in values.items():
                prob = predicted[head].get(label, 0.0)
                rows.append((max(prob, 1 - prob), (prob >= 0.5) == (value >= 0.5)))
    return {
        head: confidence_scores(np.array([c for c, _ in rows]), np.array([o for _, o in rows]))
        for head, rows in pairs.items()
    }
