"""Which predicted entity stands for which gold one, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .counts import Entity, Judged

CORRECT, BOUNDARY, TYPE, BOTH = "correct", "boundary", "type", "boundary and type"
MISSED, SPURIOUS = "missed", "spurious"
KINDS = (CORRECT, BOUNDARY, TYPE, BOTH, MISSED, SPURIOUS)


@dataclass(frozen=True)
class Pair:
    """A gold entity and the predicted one that stands for it; one of them may not exist.

    gold, predicted (Entity | None): The entities.
    """

    gold: Entity | None
    predicted: Entity | None

    @property
    def kind(self) -> str:
        """One of KINDS."""
        if self.gold is None:
            return SPURIOUS
        if self.predicted is None:
            return MISSED
        boundaries = self.gold.span[:2] == self.predicted.span[:2]
        if self.gold.label == self.predicted.label:
            return CORRECT if boundaries else BOUNDARY
        return TYPE if boundaries else BOTH


def pair_entities(doc: Judged) -> list[Pair]:
    """Pair the entities of a document one to one, in the order of the text.

    Entities with the same boundaries are pairs. Of the others, those that share tokens are paired,
    the largest overlap (shared tokens over all tokens of both) first, the same label before
    another one. Entities of `doc.ents` do not overlap each other, so that this greedy choice and
    the best assignment over all differ only in rare chains of three and more.

    doc (Judged): The entities.
    RETURNS (list[Pair]): Every gold and every predicted entity once.
    """
    partners: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, j in sorted(_candidates(doc)):
        if i not in partners and j not in taken:
            partners[i] = j
            taken.add(j)
    pairs = [
        Pair(entity, doc.predicted[partners[i]] if i in partners else None)
        for i, entity in enumerate(doc.gold)
    ]
    pairs += [Pair(None, entity) for j, entity in enumerate(doc.predicted) if j not in taken]
    return sorted(pairs, key=_position)


def entity_confusion(pairs: Iterable[Pair], labels: Sequence[str]) -> dict[str, Any]:
    """Count gold against predicted labels.

    pairs (Iterable[Pair]): See `pair_entities`.
    labels (Sequence[str]): All labels, in order.
    RETURNS (dict): "labels"; "exact" (pairs with the same boundaries) and "overlapping" (the
        others): lists of rows. Row: gold label, the last one is what has no gold entity (spurious);
        column: predicted label, the last one is what was not predicted (missed). Spurious and
        missed entities are in "exact".
    """
    number = {label: i for i, label in enumerate(labels)}
    cells = np.zeros((2, len(labels) + 1, len(labels) + 1), dtype=int)
    for pair in pairs:
        row = number[pair.gold.label] if pair.gold else len(labels)
        column = number[pair.predicted.label] if pair.predicted else len(labels)
        cells[int(pair.kind in (BOUNDARY, BOTH)), row, column] += 1
    exact, overlapping = cells.tolist()
    return {"labels": list(labels), "exact": exact, "overlapping": overlapping}


def error_kinds(pairs: Sequence[Pair], labels: Sequence[str]) -> dict[str, Any]:
    """Count what is wrong: boundaries, type, both, or everything.

    RETURNS (dict): "all" and "labels" (by gold label; of spurious ones by predicted label): a
        number for each of KINDS.
    """
    rows = {label: dict.fromkeys(KINDS, 0) for label in labels}
    for pair in pairs:
        entity = pair.gold or pair.predicted
        assert entity is not None
        rows[entity.label][pair.kind] += 1
    total = {kind: sum(row[kind] for row in rows.values()) for kind in KINDS}
    return {"all": total, "labels": rows}


def _candidates(doc: Judged) -> Iterable[tuple[tuple[bool, float, bool], int, int]]:
    """Pairs that share tokens: how good (lower is better), number of the gold and predicted one."""
    for i, gold in enumerate(doc.gold):
        for j, predicted in enumerate(doc.predicted):
            (a, b, label), (c, d, other) = gold.span, predicted.span
            shared = min(b, d) - max(a, c)
            if shared > 0:
                union = max(b, d) - min(a, c)
                yield (((a, b) != (c, d), -shared / union, label != other), i, j)


def _position(pair: Pair) -> tuple[int, int]:
    entity = pair.gold or pair.predicted
    assert entity is not None
    return entity.span[:2]
