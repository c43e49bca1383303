from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xinzhi.apps.recommend.catalogue import make_catalogue
from xinzhi.apps.recommend.evaluate import evaluate, fit_methods
from xinzhi.apps.recommend.index import GraphIndex
from xinzhi.apps.recommend.recommender import Recommender
from xinzhi.apps.recommend.records import Events, Item
from xinzhi.apps.recommend.split import make_queries, time_at
from xinzhi.errors import XinzhiError

from .conftest import QUICK, encode


def test_who_likes_cooking_gets_cooking(model: Recommender) -> None:
    found = model.rank_liked(["1", "2", "4"], 5)
    assert [place.item.categories for place in found].count(("烹饪",)) >= 4
    probabilities = [place.probability for place in found]
    assert probabilities == sorted(probabilities, reverse=True)
    assert all(0 < p < 1 for p in probabilities)
    assert not {"1", "2", "4"} & {place.item.id for place in found}


def test_users_get_what_they_do_not_know(model: Recommender, events: Events) -> None:
    found = model.rank("居民1", 100)
    known = {model.items[n].id for n in events.item[events.user == events.names.index("居民1")]}
    assert {place.item.id for place in found} == {item.id for item in model.items} - known


def test_saved_and_loaded(model: Recommender, tmp_path: Path) -> None:
    model.save(tmp_path / "模型" / "a")
    again = Recommender.load(tmp_path / "模型" / "a")
    for want, got in zip(model.rank("居民2"), again.rank("居民2"), strict=True):
        assert want.item == got.item
        assert want.probability == pytest.approx(got.probability, rel=1e-5)


def test_new_items_are_ranked_by_their_texts(model: Recommender, tmp_path: Path) -> None:
    model.save(tmp_path / "a")
    mine = Recommender.load(tmp_path / "a")
    before = mine.rank_liked(["1"], 100)
    mine.add([Item("n1", "川菜小炒", ("烹饪",)), Item("n2", "戏曲古筝", ("音乐",))], encode)
    names = [place.item.id for place in mine.rank_liked(["1", "2", "9"], 100)]
    assert names.index("n1") < names.index("n2")
    rest = [place.item.id for place in mine.rank_liked(["1"], 100) if place.item.id[0] != "n"]
    assert rest == [place.item.id for place in before]


def test_ranked_for_a_text(model: Recommender) -> None:
    first = model.rank_text("川菜烹饪，小炒", encode, 3)
    assert {place.item.categories for place in first} == {("烹饪",)}
    assert len(model.rank_text("音乐", encode, 100)) == len(model.items) == 54
    assert "" not in {place.item.id for place in model.rank_text("音乐", encode, 100)}
    assert model.rank_text("Unknown words only", encode, 1)
    with pytest.raises(XinzhiError, match="text is empty"):
        model.rank_text(" ", encode)
    with pytest.raises(XinzhiError, match="another encoder"):
        model.rank_text("音乐", lambda texts: -encode(texts))


def test_bad_input(model: Recommender, tmp_path: Path) -> None:
    with pytest.raises(XinzhiError, match="no user '谁'"):
        model.rank("谁")
    with pytest.raises(XinzhiError, match="no item '999'"):
        model.rank_liked(["1", "999"])
    with pytest.raises(XinzhiError, match="no item"):
        model.rank_liked([])
    with pytest.raises(XinzhiError, match="is there already"):
        model.add([Item("1", "x")], encode)
    with pytest.raises(XinzhiError, match="another encoder"):
        model.add([Item("new", "x")], lambda texts: -encode(texts))
    assert len(model.items) == 54
    with pytest.raises(XinzhiError, match="is no recommender"):
        Recommender.load(tmp_path)
    model.save(tmp_path / "a")
    (tmp_path / "a" / "about.json").write_text("{}", encoding="utf8")
    with pytest.raises(XinzhiError, match="is damaged"):
        Recommender.load(tmp_path / "a")


def test_nothing_to_learn_from(items: list[Item], events: Events) -> None:
    early = events.time < time_at(events, 0.8)
    for liked, fact in ((early & False, "No user liked two"), (early, "nobody liked anything")):
        few = Events(events.names, events.user, events.item, events.time, liked)
        with pytest.raises(XinzhiError, match=fact):
            Recommender.train(items, few, encode, QUICK)


def test_the_graph_finds_what_is_nearest(
    model: Recommender, items: list[Item], events: Events, tmp_path: Path
) -> None:
    pytest.importorskip("faiss", reason="needs the extra 'recommend'")
    vectors = np.random.default_rng(0).normal(size=(2000, 16)).astype("float32")
    index = GraphIndex.build(vectors)
    for query in vectors[:20]:
        exact = np.argsort(-vectors @ query)[:10]
        assert len(np.intersect1d(exact, index.search(query, 10))) >= 8
    with_graph = Recommender.train(items, events, encode, QUICK, graph=True)
    with_graph.save(tmp_path / "a")
    again = Recommender.load(tmp_path / "a")
    assert again.hybrid.knowledge.graph is not None
    assert [p.item for p in again.rank("居民3")] == [p.item for p in model.rank("居民3")]


def test_the_hybrid_beats_popularity_on_the_sample(items: list[Item], events: Events) -> None:
    pytest.importorskip("implicit", reason="needs the extra 'recommend'")
    catalogue = make_catalogue(items, encode([item.words for item in items]))
    lines: list[str] = []
    result = evaluate(catalogue, events, QUICK, (0.6, 0.8, 1.0), lines.append)
    assert len(lines) == 2
    methods = result["all"]["methods"]
    ours, popular = (methods[name]["ndcg@10"] for name in ("hybrid", "popularity"))
    assert ours["mean"] > popular["mean"] + 0.05
    assert ours["interval_95"][0] < ours["mean"] < ours["interval_95"][1]
    assert methods["popularity"]["hybrid_more_ndcg"]["mean"] == pytest.approx(
        ours["mean"] - popular["mean"]
    )
    assert 0 < methods["popularity"]["coverage"] < methods["hybrid"]["coverage"] <= 1
    cold = result["cold"]["methods"]
    assert cold["hybrid"]["ndcg@10"]["mean"] > cold["popularity"]["ndcg@10"]["mean"]


@pytest.mark.parametrize("shares", [(0.5,), (0.8, 0.6), (0.5, 1.5), (0.0, 0.5), (0.5, 0.5)])
def test_windows_that_make_no_sense(
    items: list[Item], events: Events, shares: tuple[float, ...]
) -> None:
    catalogue = make_catalogue(items, encode([item.words for item in items]))
    with pytest.raises(XinzhiError, match="make no sense"):
        evaluate(catalogue, events, QUICK, shares)


def test_what_comes_later_changes_nothing(items: list[Item], events: Events) -> None:
    """Rankings at a time are the same whatever happens afterwards."""
    pytest.importorskip("implicit", reason="needs the extra 'recommend'")
    catalogue = make_catalogue(items, encode([item.words for item in items]))
    start = time_at(events, 0.7)
    later = events.time >= start
    changed = np.where(later, (events.item + 7) % len(items), events.item)
    other = Events(events.names, events.user, changed, events.time, events.liked | later)
    query = make_queries(events, start, np.inf)[0]
    everything = np.ones(len(items), dtype=bool)
    rankings = [
        {
            name: rank(query, everything).tolist()
            for name, rank in fit_methods(catalogue, source.before(start), QUICK).items()
        }
        for source in (events, other)
    ]
    assert rankings[0] == rankings[1]
