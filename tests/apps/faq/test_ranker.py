"""The models of the ranker, on cases that can be worked out."""

from __future__ import annotations

import json

import numpy as np
import pytest

from xinzhi.apps.faq.entries import Query
from xinzhi.apps.faq.learn import PARTS, answered_share, hold_out, parts, threshold
from xinzhi.apps.faq.lexical import Bm25
from xinzhi.apps.faq.ranker import NONE, SUMMARY, Ranker, fit_whether, fit_which
from xinzhi.apps.faq.searcher import CONTEXT, COSINE, FEATURES, Candidates, fuse, rank_of


def made(rng: np.random.Generator, right: int) -> Candidates:
    """Candidates whose highest cosine says which is right, and whether one is."""
    features = rng.normal(0, 0.1, (4, len(FEATURES)))
    if right != NONE:
        features[right, COSINE] += 1.0
    context = rng.normal(0, 0.1, len(CONTEXT))
    return Candidates(["a", "b", "c", "d"], features, context, [], [])


def test_which_is_the_conditional_logit() -> None:
    """With one feature and two candidates it is a logistic regression of the difference."""
    queries = [(np.array([[1.0], [0.0]]), 0)] * 3 + [(np.array([[1.0], [0.0]]), 1)]
    (weight,) = fit_which(queries, 1, penalty=1e-9)
    assert weight == pytest.approx(np.log(3), rel=1e-3)
    (smaller,) = fit_which(queries, 1, penalty=10.0)
    assert 0 < smaller < weight


def test_whether_without_two_classes_is_laplace() -> None:
    weights = fit_whether(np.zeros((8, 2)), np.zeros(8, dtype=bool))
    assert weights.tolist() == pytest.approx([0, 0, np.log(1 / 9)])


def test_learns_which_and_whether() -> None:
    rng = np.random.default_rng(0)
    right = [int(i % 5) - 1 for i in range(200)]
    ranker = Ranker.fit([made(rng, choice) for choice in right], right)
    for choice in (0, 1, 2, 3):
        probabilities = ranker.probabilities(made(rng, choice))
        assert probabilities.shape == (5,)
        assert probabilities.sum() == pytest.approx(1.0)
        assert probabilities.argmax() == choice
        assert probabilities[-1] < 0.5
    assert ranker.probabilities(made(rng, NONE))[-1] > 0.5
    again = Ranker.from_dict(json.loads(json.dumps(ranker.to_dict())))
    case = made(rng, 2)
    assert again.probabilities(case) == pytest.approx(ranker.probabilities(case))
    assert again.threshold == ranker.threshold


def test_p_none_is_right_for_all_queries_not_for_the_share_that_was_kept() -> None:
    rng = np.random.default_rng(1)
    right = [0, 1, 2, 3] * 5 + [NONE] * 20
    found = [made(rng, choice) for choice in right]
    case = made(rng, NONE)
    none = [Ranker.fit(found, right, share).probabilities(case)[-1] for share in (1.0, 0.2)]
    odds = [value / (1 - value) for value in none]
    assert odds[1] == pytest.approx(odds[0] * 0.2)
    some = [Query("a", "x"), Query("b")]
    assert answered_share(some, [*some, Query("c", "x"), Query("d", "y")]) == pytest.approx(1 / 3)
    assert answered_share([], []) == 1.0


def test_unfitted_follows_the_cosine() -> None:
    ranker = Ranker.unfitted()
    case = made(np.random.default_rng(0), 2)
    assert ranker.summary(case).shape == (SUMMARY,)
    assert ranker.probabilities(case)[:-1].argmax() == 2
    assert ranker.probabilities(case)[-1] == 0.5
    nothing = Candidates([], np.zeros((0, len(FEATURES))), np.zeros(len(CONTEXT)), [], [])
    assert ranker.probabilities(nothing).tolist() == [1.0]


def test_fusion() -> None:
    assert fuse(["a", "b"], ["b", "c"]) == ["b", "a", "c"]
    assert fuse(["a"], ["b"]) == ["a", "b"]
    assert fuse([], []) == []
    assert [rank_of(name, ["a", "b"]) for name in "abc"] == [1, 2, 0]


def test_parts_cover_everything_once() -> None:
    right = [0] * 13 + [NONE] * 7
    found = parts(right)
    assert len(found) == PARTS
    assert sorted(i for rows, _ in found for i in rows) == list(range(20))
    for rows, rest in found:
        assert not set(rows) & set(rest)
        assert sum(right[i] == NONE for i in rows) in (1, 2)
    assert parts([0]) == []


def test_a_fifth_of_every_entry_is_kept_and_all_without_an_answer() -> None:
    queries = [Query(f"{entry}{i}", entry) for i in range(5) for entry in ("a", "b", "")]
    seen, kept = hold_out(queries)
    assert sorted(query.entry for query in kept) == ["", "", "", "", "", "a", "b"]
    assert sorted([*seen, *kept], key=str) == sorted(queries, key=str)


def test_bm25_by_hand() -> None:
    """Two texts, one query: idf = log(1 + (N - n + 0.5) / (n + 0.5)), lengths 3 and 1."""
    bm25 = Bm25(["医保", "医", "停车 X"])
    lengths = np.array([3, 1, 5])
    norm = 1.2 * (0.25 + 0.75 * lengths / 3)
    one, two = np.log(1 + 2.5 / 1.5), np.log(1 + 1.5 / 2.5)
    weight = 2.2 / (1 + norm)
    found = bm25.scores("医保")
    assert found.tolist() == pytest.approx([(2 * one + two) * weight[0], two * weight[1], 0.0])
    assert bm25.scores("？！").tolist() == [0, 0, 0]
    assert bm25.scores("车x")[2] == pytest.approx(3 * one * weight[2])
    assert Bm25([]).scores("医保").shape == (0,)
    assert Bm25(["！"]).scores("！").tolist() == [0]


def test_the_threshold_is_conformal() -> None:
    assert threshold([i / 100 for i in range(1, 100)]) == 0.96
    assert threshold([i / 50 for i in range(49)]) == 0.94
    assert threshold([0.1] * 23) == 0.5, "too few to promise anything"
