"""Splitting, measures, neighbours, texts, towers: each by numbers that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import ndcg_score

from xinzhi.apps.recommend.metrics import mean_with_interval, measures, ndcg, recall
from xinzhi.apps.recommend.neighbours import liked_matrix, similarities
from xinzhi.apps.recommend.records import Events
from xinzhi.apps.recommend.split import LEAST, liked_by_user, make_queries, time_at
from xinzhi.apps.recommend.texts import Whitening, cached_vectors, fit_tfidf
from xinzhi.apps.recommend.towers import Towers, TowerSettings, padded, train_towers

from .conftest import encode


def test_queries_know_only_what_was_before_them(events: Events) -> None:
    start, end = time_at(events, 0.5), time_at(events, 0.8)
    queries = make_queries(events, start, end)
    assert len(queries) > 30
    for query in queries:
        rows = events.user == query.user
        known = len(query.history.items)
        assert query.history.time >= start
        assert known >= LEAST
        assert query.history.items.tolist() == events.item[rows][:known].tolist()
        assert np.all(events.time[rows][:known] <= query.history.time)
        later = rows & (events.time >= query.history.time) & (events.time < end) & events.liked
        assert set(query.targets) <= set(events.item[later])
        assert not set(query.targets) & set(query.history.items)
    several = make_queries(events, start, end, several=True)
    assert len(several) > len(queries)
    assert make_queries(events, end, end) == []


@pytest.mark.parametrize(
    ("ranked", "targets", "want"),
    [([1, 2, 3], [1], 1.0), ([2, 1, 3], [1], 1 / np.log2(3)), ([2, 3], [1], 0.0)],
)
def test_ndcg(ranked: list[int], targets: list[int], want: float) -> None:
    assert ndcg(np.array(ranked), np.array(targets)) == pytest.approx(want)


def test_measures_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        scores, right = rng.random(60), rng.random(60) < 0.2
        right[0] = True
        ranked, targets = np.argsort(-scores), np.flatnonzero(right)
        assert ndcg(ranked, targets) == pytest.approx(ndcg_score([right], [scores], k=10))
        assert recall(ranked, targets, 10) == right[ranked[:10]].sum() / right.sum()
        assert measures(ranked, targets)[2] == recall(ranked, targets, 50)


def test_intervals_draw_users_not_queries() -> None:
    values = np.array([[1.0]] * 50 + [[0.0]] * 50)
    ((mean, few),) = mean_with_interval(values, [0] * 50 + [1] * 50)
    ((_, many),) = mean_with_interval(values, list(range(100)))
    assert mean == 0.5
    assert few == [0.0, 1.0]
    assert many is not None
    assert 0.3 < many[0] < 0.5 < many[1] < 0.7


def test_neighbours_by_hand() -> None:
    user, item = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 0, 1, 1, 2])
    liked = np.array([True, True, True, True, True, False])
    events = Events(["a", "b", "c"], user, item, np.arange(6.0), liked)
    near = similarities(liked_matrix(events, 3), 1.0).toarray()
    assert near[0, 1] == near[1, 0] == pytest.approx(2 / (np.sqrt(2 * 3) + 1))
    assert not near.diagonal().any()
    assert not near[2].any()
    assert [items.tolist() for items in liked_by_user(events)] == [[0, 1], [0, 1], [1]]


def test_vectors_are_encoded_once(tmp_path: Path) -> None:
    seen: list[str] = []

    def counted(texts: list[str]) -> np.ndarray:
        seen.extend(texts)
        return encode(texts)

    cache = tmp_path / "folder" / "cache.npz"
    first = cached_vectors(["太极", "瑜伽", "太极"], counted, cache)  # type: ignore[arg-type]
    again = cached_vectors(["瑜伽", "书法"], counted, cache)  # type: ignore[arg-type]
    assert seen == ["太极", "瑜伽", "书法"]
    assert np.array_equal(first[1], again[0])
    assert np.array_equal(first[0], first[2])


def test_whitening_takes_out_what_all_have_in_common() -> None:
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(500, 8)) * [9, 3, 1, 1, 1, 1, 1, 1] + 50).astype("float32")
    white = Whitening.fit(vectors)(vectors)
    assert white.mean(0) == pytest.approx(np.zeros(8), abs=1e-3)
    assert white.std(0).max() < 2 * white.std(0).min()
    assert np.linalg.norm(white, axis=1).mean() == pytest.approx(1, abs=0.01)


def test_words_of_two_languages() -> None:
    _, table = fit_tfidf(["智慧城市", "智慧交通", "smart city", "City park"])
    alike = (table @ table.T).toarray()
    assert alike[0, 1] > 0.1
    assert alike[2, 3] > 0.1
    assert alike[0, 2] == 0


def test_untrained_towers_compare_texts() -> None:
    vectors = np.eye(4, dtype="float32")
    towers = Towers(4).eval()
    table = towers.project(torch.from_numpy(vectors))
    users = towers.users(table, *padded([np.array([0, 1]), np.array([2])]))
    assert (users @ table.item.T).tolist()[1] == pytest.approx([0, 0, 1, 0])
    assert (users @ table.item.T).tolist()[0] == pytest.approx([0.5**0.5, 0.5**0.5, 0, 0])


def test_towers_learn_what_goes_together() -> None:
    """Who likes 0 and 1 likes 2, who likes 3 and 4 likes 5, though no two texts are alike."""
    vectors = np.eye(6, dtype="float32")
    liked = [np.array([0, 1, 2]), np.array([3, 4, 5])] * 20
    settings = TowerSettings(steps=60, batch_size=32, negatives=16, learn_rate=0.03)
    towers = train_towers(vectors, liked, settings)
    with torch.inference_mode():
        table = towers.project(torch.from_numpy(vectors))
        history = padded([np.array([0]), np.array([3, 4])])
        match = towers.match(towers.users(table, *history), table.item)
        cross = towers.cross_scores(table, *history, torch.tensor([[2, 5], [2, 5]]))
    assert match[0, 2] > match[0, 5]
    assert match[1, 5] > match[1, 2]
    assert cross[0, 0] > cross[0, 1]
    assert cross[1, 1] > cross[1, 0]
