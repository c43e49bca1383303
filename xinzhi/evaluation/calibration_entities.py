"""Calibration of a tagger on dev data: a temperature, then Platt scaling, three numbers in all.

What was considered, each fitted on dev data only (`scripts/compare_calibration.py` measures the
first three on a test set; docs/components.md has the figures):

- "temperature": all scores of the CRF divided by one number. It also changes the order of the
  entities' probabilities, for the better if the CRF is overconfident (a higher AUC), but cannot
  correct a constant over- or underestimate.
- "platt": a slope and an offset on the log-odds of each entity's probability (Platt 1999). Keeps
  the order, corrects both.
- "both", the default: the temperature first, then a slope and an offset. The better of the two in
  AUC and in calibration error.
- Further features of a logistic regression on top (an offset per label, the entity's length, its
  weakest token, the probability of its boundaries, the entropy of the document), the three numbers
  fitted at once, and isotonic regression: in cross-validation on dev data (240 texts, three
  pipelines) none had a clearly lower loss than "both"; isotonic regression and offsets per label
  fitted noise.

All leave the entities as they are. Probabilities stay strictly increasing in what they are computed
from, so a higher threshold never lets more through.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from spacy.training import Example

from ..layers.decoding import TagScores, decode
from ..layers.probability import logit, rescale
from .calibration_options import MIN_CASES, Options
from .confidence import confidence_scores, judge_spans
from .fitting import best_threshold, binary_loss, fit_platt, fit_temperature


@dataclass
class EntityData:
    """Predictions of one tagger on dev data: what they are decoded from, and the gold documents."""

    tagged: list[TagScores] = field(default_factory=list)
    examples: list[list[Example]] = field(default_factory=list)


@dataclass(frozen=True)
class Outcomes:
    """Predicted entities of dev data that the gold annotation can judge."""

    confidence: np.ndarray
    correct: np.ndarray
    label: np.ndarray


def calibrate_entities(pipe: Any, data: EntityData, options: Options) -> dict[str, Any]:
    """Fit and store the calibration of a tagger.

    RETURNS (dict): "fitted", "before", "after".
    """
    pipe.cfg["calibration"] = {}
    plain = judge(data, pipe.labels, 1.0)
    if not len(plain.correct):
        return {"fitted": {}, "before": None, "after": None}
    fitted, after = _fit(data, pipe.labels, plain, options.method)
    if options.thresholds:
        fitted["thresholds"] = _entity_thresholds(after, pipe.labels, _gold_counts(data))
    pipe.cfg["calibration"] = fitted
    return {
        "fitted": fitted,
        "before": confidence_scores(plain.confidence, plain.correct),
        "after": confidence_scores(after.confidence, after.correct),
    }


def _fit(
    data: EntityData, labels: Sequence[str], plain: Outcomes, method: str
) -> tuple[dict[str, Any], Outcomes]:
    """RETURNS (tuple): What was fitted, and the outcomes with it."""
    fitted: dict[str, Any] = {}
    if method != "platt":
        fitted["temperature"] = fit_temperature(
            lambda t: binary_loss(judge(data, labels, t).confidence, plain.correct),
            len(plain.correct),
        )
    if method != "temperature":
        found = calibrated(data, labels, fitted)
        scale, bias = fit_platt(logit(found.confidence), found.correct)
        fitted |= {"scale": scale, "bias": bias}
    return fitted, calibrated(data, labels, fitted)


def calibrated(data: EntityData, labels: Sequence[str], fitted: Mapping[str, Any]) -> Outcomes:
    """RETURNS (Outcomes): The predicted entities with the confidences of a calibration."""
    found = judge(data, labels, fitted.get("temperature", 1.0))
    confidence = rescale(found.confidence, fitted.get("scale", 1.0), fitted.get("bias", 0.0))
    return Outcomes(confidence, found.correct, found.label)


def judge(data: EntityData, labels: Sequence[str], temperature: float) -> Outcomes:
    """Decode dev data and compare the entities with the gold ones.

    RETURNS (Outcomes): Those that the gold annotation can judge.
    """
    confidence: list[float] = []
    correct: list[bool] = []
    numbers: list[int] = []
    for tagged, batch in zip(data.tagged, data.examples, strict=True):
        entities = decode(tagged, temperature=temperature)
        for i, example in enumerate(batch):
            rows = np.flatnonzero(entities.doc == i)
            spans = [(a, b, labels[label]) for a, b, label in entities.spans[rows].tolist()]
            for row, outcome in zip(rows.tolist(), judge_spans(example, spans), strict=True):
                if outcome is not None:
                    confidence.append(float(entities.confidence[row]))
                    correct.append(outcome)
                    numbers.append(int(entities.spans[row, 2]))
    return Outcomes(np.array(confidence), np.array(correct, dtype=bool), np.array(numbers))


def _gold_counts(data: EntityData) -> Counter[str]:
    docs = [example.reference for batch in data.examples for example in batch]
    return Counter(ent.label_ for doc in docs for ent in doc.ents)


def _entity_thresholds(
    outcomes: Outcomes, labels: Sequence[str], gold: Counter[str]
) -> dict[str, float]:
    thresholds = {}
    for number, label in enumerate(labels):
        mine = outcomes.label == number
        if mine.sum() >= MIN_CASES and gold[label] >= MIN_CASES:
            thresholds[label] = best_threshold(
                outcomes.confidence[mine], outcomes.correct[mine], gold[label]
            )
    return thresholds
