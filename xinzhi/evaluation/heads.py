"""Scores of each classification head. A head is the part before "/" of the labels in `doc.cats`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spacy.tokens import Doc
from spacy.training import Example

from .metrics import classification_scores, multilabel_scores

THRESHOLD = 0.5
PLAIN = "cats"  # the head of labels without "/"


def head_scores(examples: Sequence[Example]) -> dict[str, dict[str, Any] | None]:
    """Score every head that occurs in the gold documents, on the documents that carry it.

    A head is exclusive if each of these documents has exactly one label of it set; then the
    predicted label is the one with the highest score. Any other head is multi-label, and every
    label with a score of at least 0.5 is predicted.

    examples (Sequence[Example]): Predicted and reference documents.
    RETURNS (dict): Head -> its scores, "documents" and "exclusive"; None for a head that the
        pipeline does not predict.
    """
    heads = sorted({_split(key)[0] for eg in examples for key in eg.reference.cats})
    return {head: _score_head(head, examples) for head in heads}


def head_of(doc: Doc, head: str) -> dict[str, float]:
    """RETURNS (dict): Label -> score of one head of a document."""
    parts = ((_split(key), score) for key, score in doc.cats.items())
    return {label: score for (name, label), score in parts if name == head}


def _split(key: str) -> tuple[str, str]:
    head, slash, label = key.partition("/")
    return (head, label) if slash else (PLAIN, key)


def _score_head(head: str, examples: Sequence[Example]) -> dict[str, Any] | None:
    pairs = [(head_of(eg.reference, head), head_of(eg.predicted, head)) for eg in examples]
    pairs = [(gold, predicted) for gold, predicted in pairs if gold]
    if not any(predicted for _, predicted in pairs):
        return None
    gold = [_positive(labels) for labels, _ in pairs]
    exclusive = all(sum(labels.values()) == 1 for labels in gold)
    if exclusive:
        right = [next(label for label, is_set in labels.items() if is_set) for labels in gold]
        found = [max(sorted(labels), key=labels.__getitem__, default="") for _, labels in pairs]
        scores = classification_scores(right, found)
    else:
        scores = multilabel_scores(gold, [_positive(labels) for _, labels in pairs])
    return {"exclusive": exclusive, "documents": len(pairs), **scores}


def _positive(labels: dict[str, float]) -> dict[str, bool]:
    return {label: score >= THRESHOLD for label, score in labels.items()}
