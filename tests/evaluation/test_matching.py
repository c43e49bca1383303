"""Planted confusions land in the right cells."""

from __future__ import annotations

import pytest

from xinzhi.evaluation.counts import Entity, Judged
from xinzhi.evaluation.matching import entity_confusion, error_kinds, pair_entities

Spans = list[tuple[int, int, str]]


def judged(gold: Spans, predicted: Spans) -> Judged:
    return Judged(*([Entity(s, "", s[:2]) for s in side] for side in (gold, predicted)))


@pytest.mark.parametrize(
    ("gold", "predicted", "kind"),
    [
        ((2, 4, "A"), (2, 4, "A"), "correct"),
        ((2, 4, "A"), (2, 5, "A"), "boundary"),
        ((2, 4, "A"), (2, 4, "B"), "type"),
        ((2, 4, "A"), (3, 5, "B"), "boundary and type"),
        ((2, 4, "A"), None, "missed"),
        (None, (2, 4, "A"), "spurious"),
    ],
)
def test_kinds(gold: tuple, predicted: tuple, kind: str) -> None:
    doc = judged([gold] if gold else [], [predicted] if predicted else [])
    assert [pair.kind for pair in pair_entities(doc)] == [kind]


def test_neighbours_are_not_pairs() -> None:
    pairs = pair_entities(judged([(0, 2, "A")], [(2, 4, "A")]))
    assert [pair.kind for pair in pairs] == ["missed", "spurious"]


def test_best_partner_first() -> None:
    doc = judged([(0, 6, "A"), (6, 8, "A")], [(0, 1, "A"), (1, 7, "B"), (7, 8, "A")])
    pairs = pair_entities(doc)
    found = [(p.gold and p.gold.span[:2], p.predicted and p.predicted.span[:2]) for p in pairs]
    assert found == [(None, (0, 1)), ((0, 6), (1, 7)), ((6, 8), (7, 8))]
    exact = pair_entities(judged([(0, 3, "A")], [(0, 3, "B")]))
    assert exact[0].kind == "type"


def test_planted_confusions() -> None:
    doc = judged(
        [(0, 2, "A"), (3, 5, "A"), (6, 8, "B"), (9, 12, "B"), (13, 15, "B"), (30, 32, "A")],
        [(0, 2, "A"), (3, 5, "B"), (6, 8, "B"), (9, 11, "B"), (20, 22, "A"), (30, 33, "B")],
    )
    pairs = pair_entities(doc)
    confusion = entity_confusion(pairs, ["A", "B"])
    assert confusion["exact"] == [
        [1, 1, 0],  # A: right; taken for B
        [0, 1, 1],  # B: right; missed
        [1, 0, 0],  # spurious A
    ]
    assert confusion["overlapping"] == [[0, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert error_kinds(pairs, ["A", "B"]) == {
        "all": {
            "correct": 2,
            "boundary": 1,
            "type": 1,
            "boundary and type": 1,
            "missed": 1,
            "spurious": 1,
        },
        "labels": {
            "A": {
                "correct": 1,
                "boundary": 0,
                "type": 1,
                "boundary and type": 1,
                "missed": 0,
                "spurious": 1,
            },
            "B": {
                "correct": 1,
                "boundary": 1,
                "type": 0,
                "boundary and type": 0,
                "missed": 1,
                "spurious": 0,
            },
        },
    }
