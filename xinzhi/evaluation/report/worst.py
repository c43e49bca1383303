"""The documents with the worst errors, gold and predicted side by side."""

from __future__ import annotations

from typing import Any

from spacy.tokens import Doc

from ..counts import Entity
from ..matching import CORRECT, MISSED, Pair, pair_entities
from .cases import Cases, HeadCases, name_of, record_of

LISTED = 30
MISSED_WEIGHT = 0.5
UNKNOWN_WEIGHT = 0.5  # of a wrong entity without confidence


def worst_documents(cases: Cases) -> list[dict[str, Any]]:
    """Find the documents where the pipeline is most wrong.

    Every wrong entity and every wrong decision counts with its confidence, so that errors the
    pipeline was sure of come first: these are missing knowledge, or wrong gold annotation. A missed
    entity has no confidence and counts a half, about what a pipeline leaves it with. (Options
    considered: the number of errors alone puts long documents first and says nothing of severity;
    the loss under the model needs the model's scores, which other pipelines do not have.)

    cases (Cases): The predictions.
    RETURNS (list): The worst first: "name", "meta", "text", "weight", "entities" (spans with
        "start", "end", "label", "side" "gold" or "predicted", "right", "confidence"), "heads" (head
        -> "gold", "predicted", "confidence"), those that are wrong.
    """
    found = []
    for number, example in enumerate(cases.examples):
        pairs = pair_entities(cases.entities[number]) if cases.entities else []
        heads = _wrong_heads(cases, number)
        weight = sum(map(error_weight, pairs)) + sum(h["confidence"] for h in heads.values())
        if weight:
            found.append((weight, number, example.reference, pairs, heads))
    found.sort(key=lambda item: (-item[0], item[1]))
    return [_entry(*item) for item in found[:LISTED]]


def error_weight(pair: Pair) -> float:
    """RETURNS (float): How bad an error is, from 0 (none) to 1."""
    if pair.kind == CORRECT:
        return 0.0
    if pair.kind == MISSED or pair.predicted is None:
        return MISSED_WEIGHT
    confidence = pair.predicted.confidence
    return UNKNOWN_WEIGHT if confidence is None else confidence


def _wrong_heads(cases: Cases, number: int) -> dict[str, dict[str, Any]]:
    wrong = {}
    for head, found in cases.heads.items():
        row = found.row_of.get(number)
        if row is not None and not found.right[row]:
            wrong[head] = {
                "gold": found.true_labels(row),
                "predicted": found.decided_labels(row),
                "confidence": _confidence(found, row),
            }
    return wrong


def _confidence(found: HeadCases, row: int) -> float:
    """How sure the most certain wrong label was."""
    table = found.table
    wrong = (table.truth[row] != table.guess[row]) & table.known[row]
    prob = table.prob[row][wrong]
    if table.exclusive:
        return float(table.prob[row].max())
    guess = table.guess[row][wrong]
    return float(max((prob * guess + (1 - prob) * ~guess).tolist()))


def _entry(
    weight: float, number: int, doc: Doc, pairs: list[Pair], heads: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    spans = []
    for pair in pairs:
        right = pair.kind == CORRECT
        for side, entity in (("gold", pair.gold), ("predicted", pair.predicted)):
            if entity is not None:
                spans.append(_span(entity, side, right))
    meta = record_of(doc).get("meta") or {}
    return {
        "name": name_of(doc, number),
        "meta": {key: value for key, value in meta.items() if isinstance(value, (str, int, float))},
        "text": doc.text,
        "weight": weight,
        "entities": spans,
        "heads": heads,
    }


def _span(entity: Entity, side: str, right: bool) -> dict[str, Any]:
    start, end = entity.chars
    return {
        "start": start,
        "end": end,
        "label": entity.label,
        "side": side,
        "right": right,
        "confidence": entity.confidence,
    }
