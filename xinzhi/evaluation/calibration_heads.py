"""Calibration of the heads of a classifier on dev data: one temperature per head (Guo et al. 2017,
On calibration of modern neural networks), which never changes the best label."""

from __future__ import annotations

from typing import Any

import numpy as np
from spacy.tokens import Doc

from ..components.heads import GoldHead, Head, check_gold
from ..head_keys import group_cats
from ..layers.probability import sigmoid, softmax
from .calibration_options import MIN_CASES, Options
from .confidence import confidence_scores
from .fitting import best_threshold, binary_loss, fit_temperature


def calibrate_heads(
    pipe: Any, data: list[tuple[Doc, list[np.ndarray]]], options: Options
) -> dict[str, Any]:
    """Fit and store the calibration of each head of a classifier.

    RETURNS (dict): Per head "fitted", "before", "after".
    RAISES (XinzhiError): If a gold value is wrong, as in training.
    """
    pipe.cfg["calibration"] = {}
    cats = [group_cats(doc.cats) for doc, _ in data]
    report: dict[str, Any] = {}
    for i, head in enumerate(pipe.heads):
        for (doc, _), values in zip(data, cats, strict=True):
            check_gold(doc, head.name, values.get(head.name, {}), head.exclusive)
        gold, annotated = _known_gold(head, cats)
        rows = np.flatnonzero(annotated.any(1))
        if not len(rows):
            report[head.name] = {"fitted": {}, "before": None, "after": None}
            continue
        logits = np.stack([data[row][1][i] for row in rows])
        known = GoldHead(gold[rows], annotated[rows])
        report[head.name] = _calibrate_head(head, logits, known, options)
        pipe.cfg["calibration"][head.name] = report[head.name]["fitted"]
    return report


def _known_gold(head: Head, cats: list[dict[str, dict[str, float]]]) -> tuple[np.ndarray, ...]:
    """Gold values and which are known, (documents, labels). A document whose gold label of an
    exclusive head is unknown to the component is not known."""
    gold = np.full((len(cats), len(head.labels)), np.nan)
    for row, heads in enumerate(cats):
        values = heads.get(head.name, {})
        gold[row] = [values.get(label, np.nan) for label in head.labels]
    annotated = ~np.isnan(gold)
    gold = np.nan_to_num(gold)
    if head.exclusive:
        annotated[:] = (gold.max(1) >= 0.5)[:, None]
    return gold, annotated


def _calibrate_head(
    head: Head, logits: np.ndarray, gold: GoldHead, options: Options
) -> dict[str, Any]:
    def outcomes(temperature: float) -> tuple[np.ndarray, np.ndarray]:
        return _head_outcomes(head, logits / temperature, gold)

    def loss(temperature: float) -> float:
        if not head.exclusive:
            return _cell_loss(sigmoid(logits / temperature), gold)
        probs = softmax(logits / temperature)
        right = probs[np.arange(len(probs)), gold.target.argmax(1)]
        return float(-np.log(np.clip(right, 1e-12, None)).mean())

    temperature = fit_temperature(loss, len(logits))
    fitted: dict[str, Any] = {"temperature": temperature}
    if options.thresholds and not head.exclusive:
        fitted["thresholds"] = _label_thresholds(head, sigmoid(logits / temperature), gold)
    if options.reject is not None:
        fitted["abstain_below"] = _rejection_limit(head, logits / temperature, options.reject)
    return {
        "fitted": fitted,
        "before": confidence_scores(*outcomes(1.0)),
        "after": confidence_scores(*outcomes(temperature)),
    }


def _head_outcomes(head: Head, logits: np.ndarray, gold: GoldHead) -> tuple[np.ndarray, np.ndarray]:
    """Confidence and correctness: of the best label, or of all yes or no decisions."""
    if head.exclusive:
        probs = softmax(logits)
        return probs.max(1), probs.argmax(1) == gold.target.argmax(1)
    probs = sigmoid(logits)
    right = (probs >= 0.5) == (gold.target >= 0.5)
    return np.maximum(probs, 1 - probs)[gold.annotated], right[gold.annotated]


def _cell_loss(probs: np.ndarray, gold: GoldHead) -> float:
    return binary_loss(probs[gold.annotated], gold.target[gold.annotated] >= 0.5)


def _label_thresholds(head: Head, probs: np.ndarray, gold: GoldHead) -> dict[str, float]:
    thresholds = {}
    for i, label in enumerate(head.labels):
        known = gold.annotated[:, i]
        positive = gold.target[known, i] >= 0.5
        if positive.sum() >= MIN_CASES:
            thresholds[label] = best_threshold(probs[known, i], positive, int(positive.sum()))
    return thresholds


def _rejection_limit(head: Head, logits: np.ndarray, share: float) -> float:
    """The confidence below which a share of the documents lies."""
    if head.exclusive:
        confidence = softmax(logits).max(1)
    else:
        probs = sigmoid(logits)
        confidence = np.maximum(probs, 1 - probs).min(1)
    return float(np.quantile(confidence, share, method="lower"))
