"""Entities judged four ways, from strict to lenient: SemEval 2013 task 9.1, as nervaluate does.

Segura-Bedmar, Martínez and Herrero-Zazo 2013, SemEval-2013 Task 9; the categories are those of
MUC-5 (Chinchor and Sundheim 1993). Numbers equal those of the package nervaluate 1.2 (tested).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .counts import Entity, Judged

SCHEMAS = ("strict", "exact", "partial", "type")
CATEGORIES = ("correct", "incorrect", "partial", "missed", "spurious")


def schema_scores(documents: Sequence[Judged], labels: Iterable[str]) -> dict[str, Any]:
    """Score entities by each schema.

    documents (Sequence[Judged]): The entities of each document.
    labels (Iterable[str]): The labels to score on their own.
    RETURNS (dict): Schema -> "all" and "labels" (label -> …): a number for each of CATEGORIES, and
        "precision", "recall", "f1". A label is scored as if there were no other.
    """
    return {
        schema: {
            "all": _scores(documents, schema),
            "labels": {
                label: _scores([_only(doc, label) for doc in documents], schema) for label in labels
            },
        }
        for schema in SCHEMAS
    }


def count_document(doc: Judged, schema: str) -> dict[str, int]:
    """Sort the entities of one document into CATEGORIES.

    Predicted entities are taken in the order of the text. Each goes to the gold entity that it
    agrees with, if there is one left, otherwise to the first one left that shares a token.

    doc (Judged): The entities.
    schema (str): One of SCHEMAS.
    RETURNS (dict): A number for each of CATEGORIES.
    """
    counts = dict.fromkeys(CATEGORIES, 0)
    left = list(doc.gold)
    for entity in doc.predicted:
        touching = [gold for gold in left if _overlap(gold, entity)]
        agreeing = [gold for gold in touching if _agrees(gold, entity, schema)]
        if agreeing:
            counts["correct"] += 1
            left.remove(min(agreeing, key=lambda gold: _distance(gold, entity)))
        elif touching:
            counts["partial" if schema == "partial" else "incorrect"] += 1
            left.remove(touching[0])
        else:
            counts["spurious"] += 1
    return {**counts, "missed": len(left)}


def _scores(documents: Iterable[Judged], schema: str) -> dict[str, Any]:
    total = dict.fromkeys(CATEGORIES, 0)
    for doc in documents:
        for name, number in count_document(doc, schema).items():
            total[name] += number
    right = total["correct"] + total["partial"] / 2
    common = total["correct"] + total["incorrect"] + total["partial"]
    actual, possible = common + total["spurious"], common + total["missed"]
    return {
        **total,
        "precision": right / actual if actual else None,
        "recall": right / possible if possible else None,
        "f1": 2 * right / (actual + possible) if actual + possible else None,
    }


def _only(doc: Judged, label: str) -> Judged:
    return Judged(
        [entity for entity in doc.gold if entity.label == label],
        [entity for entity in doc.predicted if entity.label == label],
    )


def _agrees(gold: Entity, predicted: Entity, schema: str) -> bool:
    boundaries = gold.span[:2] == predicted.span[:2]
    label = gold.label == predicted.label
    return {
        "strict": boundaries and label,
        "exact": boundaries,
        "partial": boundaries,
        "type": label,
    }[schema]


def _overlap(gold: Entity, predicted: Entity) -> bool:
    return gold.span[0] < predicted.span[1] and predicted.span[0] < gold.span[1]


def _distance(gold: Entity, predicted: Entity) -> int:
    return abs(gold.span[0] - predicted.span[0]) + abs(gold.span[1] - predicted.span[1])
