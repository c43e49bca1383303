"""The evaluation: nothing is judged by what it learnt from, and the scores are right."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from xinzhi.apps.faq import Embedder, FineTuning, Query
from xinzhi.apps.faq.evaluate import Judged, evaluate, split, summarise
from xinzhi.errors import XinzhiError

from ..conftest import ENTRIES, QUERIES

MORE = [*QUERIES, *(replace(query, text=f"请问{query.text}") for query in QUERIES)]
METHODS = ["BM25", "embeddings", "fused", "ranker", "fine-tuned embeddings", "fine-tuned, ranker"]


def test_folds_are_stratified() -> None:
    fold = split(MORE, 4)
    for name in {query.entry for query in MORE if query.entry}:
        mine = [f for f, query in zip(fold, MORE, strict=True) if query.entry == name]
        assert sorted(mine) == [0, 1, 2, 3]
    kinds = dict.fromkeys(range(4), 0)
    for f, query in zip(fold, MORE, strict=True):
        kinds[f] += query.kind == "chitchat"
    assert set(kinds.values()) == {1, 2}


@pytest.mark.parametrize("folds", [0, 3, 6, -2])
def test_folds_that_cannot_be(folds: int) -> None:
    with pytest.raises(XinzhiError, match="24 queries on 6 entries cannot be split"):
        split(MORE, folds)


def test_fine_tuning_needs_queries_outside_a_pair(embedder: Embedder) -> None:
    with pytest.raises(XinzhiError, match="nothing is left for fine-tuning"):
        evaluate(ENTRIES, embedder, MORE, FineTuning(), folds=2)


def test_every_method_is_judged_on_every_query(embedder: Embedder) -> None:
    tuning = FineTuning(epochs=2, batch_size=8, frozen_layers=0)
    scores = evaluate(ENTRIES, embedder, MORE, tuning, folds=4)
    assert list(scores) == METHODS
    assert json.loads(json.dumps(scores)) == scores
    for name, row in scores.items():
        low, high = row["recall_at_5"]["interval"]
        assert 0 <= row["recall_at_1"]["value"] <= row["mrr"]["value"] <= 1
        assert low <= row["recall_at_5"]["value"] <= high
        if name in METHODS[:2] + METHODS[3:4] + METHODS[5:]:
            counts = {kind: share["queries"] for kind, share in row["rejected"].items()}
            assert counts == {"in scope": 24, "chitchat": 6, "other": 6}
    assert scores["BM25"]["recall_at_5"]["value"] > 0.8


def test_nothing_learns_from_what_it_is_judged_on(embedder: Embedder) -> None:
    """A nonsense query that only equals itself cannot be found."""
    queries = [*MORE]
    queries[0] = Query("𠀀𠀁𠀂𠀃𠀄", QUERIES[0].entry)
    rows = evaluate(ENTRIES, embedder, queries, folds=2)
    assert rows["BM25"]["recall_at_1"]["value"] <= 23 / 24


def test_scores_by_hand() -> None:
    own, out = Query("a", "x"), Query("b", kind="other")
    judged = [
        Judged(own, 1, "answer", 0.9),
        Judged(own, 2, "clarify", 0.4),
        Judged(own, 6, "none", 0.1),
        Judged(own, 0, "answer", 0.9),
        Judged(out, 0, "none", 0.1),
        Judged(Query("c"), 0, "answer", 0.8),
    ]
    scores = summarise(judged)
    assert scores["recall_at_1"]["value"] == 0.25
    assert scores["recall_at_5"]["value"] == 0.5
    assert scores["mrr"]["value"] == pytest.approx((1 + 1 / 2 + 1 / 6) / 4)
    assert scores["rejected"] == {
        "in scope": {"queries": 4, "share": 0.25},
        "other": {"queries": 1, "share": 1.0},
        "out of scope": {"queries": 1, "share": 0.0},
    }
    assert scores["answers"] == {
        "answer": {"queries": 2, "right": 0.5},
        "clarify": {"queries": 1, "right": 1.0},
    }
    gaps = np.array([0.9 - 1, 0.9, 0.4, 0.1, 0.1, 0.8])
    bins = [gaps[:2].sum(), gaps[2], gaps[3:5].sum(), gaps[5]]
    assert scores["calibration"]["ece"] == pytest.approx(np.abs(bins).sum() / 6)
