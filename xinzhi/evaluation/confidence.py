"""How far confidences can be relied on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from spacy.training import Example

from ..components.cats_scorer import Row
from ..components.metrics import roc_auc
from .counts import Judged, judge
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
    gaps = np.bincount(bin_of(confidence, n_bins), weights=confidence - correct)
    return float(np.abs(gaps).sum() / len(confidence))


def chance_calibration_error(confidence: np.ndarray, n_bins: int = N_BINS) -> float | None:
    """The ECE to expect by chance from this many cases if every confidence were exactly right: the
    accuracy in a bin still scatters around its confidence. An ECE below it says no more than that
    nothing is wrong; with few cases it is far from 0 (Roelofs et al. 2022, Mitigating bias in
    calibration error estimation).

    RETURNS (float): By the normal approximation, sqrt(2 / pi * variance) in each bin; None without
        a case.
    """
    if not len(confidence):
        return None
    variance = np.bincount(bin_of(confidence, n_bins), weights=confidence * (1 - confidence))
    return float(np.sqrt(2 / np.pi * variance).sum() / len(confidence))


def bin_of(confidence: np.ndarray, n_bins: int = N_BINS) -> np.ndarray:
    """RETURNS (ndarray): The number of the bin of each confidence."""
    return np.minimum((confidence * n_bins).astype(int), n_bins - 1)


def reliability(
    confidence: np.ndarray, correct: np.ndarray, n_bins: int = N_BINS
) -> list[dict[str, Any]]:
    """RETURNS (list): For each bin that holds a case, from the lowest: "low" and "high" (its
    edges), "n", mean "confidence", "accuracy"."""
    bins = bin_of(confidence, n_bins)
    rows = []
    for number in np.unique(bins).tolist():
        mine = bins == number
        rows.append(
            {
                "low": number / n_bins,
                "high": (number + 1) / n_bins,
                "n": int(mine.sum()),
                "confidence": float(confidence[mine].mean()),
                "accuracy": float(correct[mine].mean()),
            }
        )
    return rows


def confidence_scores(confidence: np.ndarray, correct: np.ndarray) -> dict[str, Any]:
    """Score confidences against outcomes.

    RETURNS (dict): "ece", the number of its "bins" and the "ece_by_chance" (see
        `chance_calibration_error`), "auc" (of correct against wrong), "log_loss", "accuracy", "n",
        "reliability". Values are None where they are not defined.
    """
    correct = np.asarray(correct, dtype=bool)
    confidence = np.asarray(confidence, dtype=float)
    return {
        "n": len(confidence),
        "bins": N_BINS,
        "ece": expected_calibration_error(confidence, correct),
        "ece_by_chance": chance_calibration_error(confidence),
        "auc": roc_auc(correct, confidence),
        "log_loss": binary_loss(confidence, correct) if len(correct) else None,
        "accuracy": float(correct.mean()) if len(correct) else None,
        "reliability": reliability(confidence, correct),
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
    confidence, correct = entity_cases(judge(example) for example in examples)
    return confidence_scores(confidence, correct) if len(confidence) else None


def entity_cases(documents: Iterable[Judged]) -> tuple[np.ndarray, np.ndarray]:
    """RETURNS (tuple): The confidence of each predicted entity that has one, and whether it is
    right."""
    pairs = [
        (entity.confidence, right)
        for doc in documents
        for entity, right in zip(doc.predicted, doc.right(), strict=True)
        if entity.confidence is not None
    ]
    return _arrays(pairs)


def head_confidence(rows: Sequence[Row]) -> dict[str, Any]:
    """RETURNS (dict): The scores of the confidences of one head, see `confidence_scores`."""
    return confidence_scores(*head_cases(rows))


def head_cases(rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray]:
    """The confidences of one head: of an exclusive head the probability of the decision, of any
    other head those of all yes or no decisions at 0.5.

    rows (Sequence): See `components.cats_scorer.head_rows`.
    RETURNS (tuple): Confidences, and whether each decision is right.
    """
    pairs: list[tuple[float, bool]] = []
    for gold, decision, probs in rows:
        if isinstance(decision, str):
            right = max(sorted(gold), key=gold.__getitem__)
            pairs.append((probs.get(decision, 0.0), decision == right))
            continue
        for label, value in gold.items():
            prob = probs.get(label, 0.0)
            pairs.append((max(prob, 1 - prob), (prob >= 0.5) == (value >= 0.5)))
    return _arrays(pairs)


def _arrays(pairs: Sequence[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    confidence, correct = zip(*pairs, strict=True) if pairs else ((), ())
    return np.array(confidence, dtype=float), np.array(correct, dtype=bool)
