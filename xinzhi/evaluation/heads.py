"""Scores of each classification head: the part before "/" of the keys of `doc.cats`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spacy.language import Language
from spacy.training import Example

from ..components.cats_scorer import Row, head_rows
from ..head_keys import PLAIN, group_cats, join_key
from .confidence import head_confidence
from .metrics import classification_head_scores

THRESHOLD = 0.5


def head_scores(
    examples: Sequence[Example], thresholds: Mapping[str, float] | None = None
) -> dict[str, dict[str, Any] | None]:
    """Score every head that occurs in the gold documents, on the documents that carry it.

    The heads of `xinzhi_cats` are scored by its own decisions (its thresholds, and what it declares
    exclusive), exactly as its scorer does. Other components decide nothing: there a head is
    exclusive if each of its documents has exactly one true label, and the highest score is the
    decision; of any other head all labels from the threshold on.

    examples (Sequence[Example]): Predicted and reference documents.
    thresholds (Mapping): Key of `doc.cats` -> threshold, where it is not 0.5; see
        `stored_thresholds`.
    RETURNS (dict): Head -> its scores, see `metrics.classification_head_scores`, and "confidence",
        see `confidence.confidence_scores`; None for a head that the pipeline does not predict.
    """
    scores: dict[str, dict[str, Any] | None] = {}
    for head, rows in decided_heads(examples, thresholds).items():
        scores[head] = None
        if rows:
            confidence = head_confidence(rows)
            scores[head] = {**classification_head_scores(rows), "confidence": confidence}
    return scores


def decided_heads(
    examples: Sequence[Example], thresholds: Mapping[str, float] | None = None
) -> dict[str, list[Row]]:
    """Put gold values, decisions and probabilities of every head side by side, as `head_scores`.

    RETURNS (dict): Every head that occurs in the gold documents -> a row for each document that
        carries it, in their order; no row at all if the pipeline does not predict it.
    """
    decided = head_rows(examples)
    gold = [group_cats(eg.reference.cats, plain=PLAIN) for eg in examples]
    return {
        head: decided[head] if head in decided else _decide(head, examples, thresholds or {})
        for head in sorted({head for heads in gold for head in heads})
    }


def stored_thresholds(nlp: Language) -> dict[str, float]:
    """RETURNS (dict): The thresholds that spaCy's own text classifiers keep, by key of `doc.cats`;
    one that decides by the highest score keeps 0, which is none."""
    found = {}
    for _, pipe in nlp.pipeline:
        cfg = getattr(pipe, "cfg", None)
        threshold = cfg.get("threshold") if isinstance(cfg, dict) else None
        if threshold:
            found.update(dict.fromkeys(getattr(pipe, "labels", ()), float(threshold)))
    return found


def _decide(head: str, examples: Sequence[Example], thresholds: Mapping[str, float]) -> list[Row]:
    """Decide a head from its probabilities; no row at all if no document has any."""
    pairs = []
    for example in examples:
        gold = group_cats(example.reference.cats, plain=PLAIN).get(head)
        if gold:
            pairs.append((gold, group_cats(example.predicted.cats, plain=PLAIN).get(head, {})))
    if not any(probs for _, probs in pairs):
        return []
    if all(sum(value >= THRESHOLD for value in gold.values()) == 1 for gold, _ in pairs):
        return [(g, max(sorted(p), key=p.__getitem__, default=""), p) for g, p in pairs]
    limit = {label: thresholds.get(_key(head, label), THRESHOLD) for _, p in pairs for label in p}
    return [(g, [label for label, prob in p.items() if prob >= limit[label]], p) for g, p in pairs]


def _key(head: str, label: str) -> str:
    return label if head == PLAIN else join_key(head, label)
