"""The four schemas equal the package nervaluate."""

from __future__ import annotations

import random
from typing import Any

import pytest

from xinzhi.evaluation.counts import Entity, Judged, judge
from xinzhi.evaluation.schemas import CATEGORIES, count_document, schema_scores

from .random_entities import LABELS, random_example

THEIRS = {"strict": "strict", "exact": "exact", "partial": "partial", "type": "ent_type"}


def spans(*found: tuple[int, int, str]) -> list[Entity]:
    return [Entity(span, "", (0, 0)) for span in found]


def as_dicts(entities: list[Entity]) -> list[dict[str, Any]]:
    """nervaluate's ends are inclusive."""
    return [{"label": e.label, "start": e.span[0], "end": e.span[1] - 1} for e in entities]


@pytest.mark.parametrize("seed", range(6))
def test_as_nervaluate(seed: int) -> None:
    nervaluate = pytest.importorskip("nervaluate", reason="nervaluate needs Python 3.11")
    rng = random.Random(seed)
    docs = [judge(random_example(rng, rng.choice(["zh", "en"]))) for _ in range(30)]
    gold, predicted = ([as_dicts(getattr(d, s)) for d in docs] for s in ("gold", "predicted"))
    theirs = nervaluate.Evaluator(gold, predicted, tags=list(LABELS), loader="dict").evaluate()
    ours = schema_scores(docs, LABELS)
    for schema, name in THEIRS.items():
        pairs = [(ours[schema]["all"], theirs["overall"][name])]
        pairs += [(ours[schema]["labels"][x], theirs["entities"][x][name]) for x in LABELS]
        for found, expected in pairs:
            for key in (*CATEGORIES, "precision", "recall", "f1"):
                assert found[key] == pytest.approx(getattr(expected, key)), (schema, key)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ("strict", {"correct": 1, "incorrect": 3, "missed": 1, "spurious": 1}),
        ("exact", {"correct": 2, "incorrect": 2, "missed": 1, "spurious": 1}),
        ("partial", {"correct": 2, "partial": 2, "missed": 1, "spurious": 1}),
        ("type", {"correct": 2, "incorrect": 2, "missed": 1, "spurious": 1}),
    ],
)
def test_by_hand(schema: str, expected: dict[str, int]) -> None:
    gold = spans((0, 2, "A"), (3, 5, "A"), (6, 9, "A"), (10, 13, "A"), (14, 15, "A"))
    predicted = spans((0, 2, "A"), (3, 5, "B"), (7, 9, "A"), (10, 12, "B"), (20, 21, "A"))
    found = count_document(Judged(gold, predicted), schema)
    assert found == {**dict.fromkeys(CATEGORIES, 0), **expected}


def test_nothing_has_no_score() -> None:
    scores = schema_scores([Judged([], [])], ["A"])["strict"]
    assert scores["all"]["precision"] is scores["labels"]["A"]["f1"] is None
