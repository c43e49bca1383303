"""Evaluation on later time windows, against baselines that are tuned on the window before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from ...errors import XinzhiError
from .baselines import Score, als, item_neighbours, newest, popularity, words
from .catalogue import Catalogue
from .hybrid import Hybrid, Settings, fit_ranker, learn
from .knowledge import best_of
from .metrics import DEPTHS, TOP, mean_with_interval, measures, ndcg
from .ranker import allowed_items
from .records import Events
from .split import Query, make_queries, time_at

SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
HYBRID = "hybrid"
OF_TEXT = ("match", "cross", "words")
Fit = Callable[[Catalogue, Events], Score]
Ranked = Callable[[Query, np.ndarray], np.ndarray]
Progress = Callable[[str], None]
BASELINES: dict[str, list[Fit]] = {
    "popularity": [partial(popularity, recent=share) for share in (1.0, 0.5, 0.2)],
    "item neighbours": [partial(item_neighbours, shrink=value) for value in (0.0, 3.0, 10.0, 30.0)],
    "ALS": [
        partial(als, factors=factors, alpha=alpha)
        for factors in (16, 32, 64)
        for alpha in (1.0, 10.0)
    ],
    "TF-IDF": [words],
    "newest": [newest],
}


class Outcome:
    """What every method did for the same queries.

    values (dict): Method -> measures of each query.
    users (list[int]): The user of each query.
    shown (dict): Method -> the items among the first TOP of any query.
    """

    def __init__(self) -> None:
        self.values: dict[str, list[list[float]]] = {}
        self.users: list[int] = []
        self.shown: dict[str, set[int]] = {}

    def add(
        self, methods: dict[str, Ranked], query: Query, targets: np.ndarray, among: np.ndarray
    ) -> None:
        """Rank the items `among` for a query with every method."""
        self.users.append(query.user)
        for name, rank in methods.items():
            ranked = rank(query, among)
            self.values.setdefault(name, []).append(measures(ranked, targets))
            self.shown.setdefault(name, set()).update(ranked[:TOP].tolist())

    def summary(self, items: int) -> dict[str, Any]:
        """RETURNS (dict): "queries", "users", and for every method its measures with intervals, and
        how much more the hybrid has."""
        return {
            "queries": len(self.users),
            "users": len(set(self.users)),
            "methods": {name: self._method(name, items) for name in self.values},
        }

    def _method(self, name: str, items: int) -> dict[str, Any]:
        values = np.array(self.values[name])
        more = np.array(self.values[HYBRID])[:, :1] - values[:, :1]
        names = (f"ndcg@{TOP}", *(f"recall@{depth}" for depth in DEPTHS), "hybrid_more_ndcg")
        found = mean_with_interval(np.hstack([values, more]), self.users)
        row: dict[str, Any] = {
            key: {"mean": mean, "interval_95": interval}
            for key, (mean, interval) in zip(names, found, strict=True)
        }
        return {**row, "coverage": len(self.shown[name]) / items}


def evaluate(
    catalogue: Catalogue,
    events: Events,
    settings: Settings,
    shares: Sequence[float] = SHARES,
    progress: Progress = lambda line: None,
) -> dict[str, Any]:
    """Hold the hybrid against the baselines.

    The events are cut at points in time. Everything that is asked in a window was learnt from the
    events before it, settings included: those of the baselines are the best on the last part of
    those events, the same that the hybrid's ranker learns from.

    catalogue (Catalogue): The items.
    events (Events): All events.
    settings (Settings): Of the hybrid.
    shares (Sequence[float]): Shares of the events at which windows begin, and the last one ends.
    progress (Callable): Gets a line after every window.
    RETURNS (dict): "all": the whole catalogue; "cold": only items without any event before the
        window, for queries with targets among these.
    RAISES (XinzhiError): If the shares are not two or more, rising, from 0 to 1.
    """
    if len(shares) < 2 or list(shares) != sorted({s for s in shares if 0 < s <= 1}):
        raise XinzhiError(
            f"The windows {', '.join(map(str, shares))} make no sense.",
            "Give two shares of the events or more, rising, up to 1: --window 0.8 --window 1.",
        )
    everything, cold = Outcome(), Outcome()
    times = [time_at(events, share) for share in shares]
    for start, end in pairwise(times):
        past = events.before(start)
        methods = fit_methods(catalogue, past, settings)
        new = np.bincount(past.item, minlength=len(catalogue)) == 0
        queries = make_queries(events, start, end)
        for query in queries:
            everything.add(methods, query, query.targets, np.ones(len(catalogue), dtype=bool))
            if new[query.targets].any():
                cold.add(methods, query, query.targets[new[query.targets]], new)
        progress(f"{len(past.item)} events before, {len(queries)} queries")
    return {"all": everything.summary(len(catalogue)), "cold": cold.summary(len(catalogue))}


def fit_methods(catalogue: Catalogue, past: Events, settings: Settings) -> dict[str, Ranked]:
    """RETURNS (dict): Name -> how a method ranks, knowing `past`."""
    knowledge, rows = learn(catalogue, past, settings)
    methods: dict[str, Ranked] = {
        name: partial(_rank_hybrid, Hybrid(knowledge, fit_ranker(rows, without)))
        for name, without in {HYBRID: (), "hybrid without text": OF_TEXT}.items()
    }
    scores: dict[str, Score] = {
        "two towers": lambda history: knowledge.vectors @ knowledge.user_vector(history)
    }
    cut = time_at(past, settings.past)
    queries = make_queries(past, cut, np.inf)
    for name, choices in BASELINES.items():
        scores[name] = tune(choices, catalogue, past, cut, queries)(catalogue, past)
    ranked = {name: partial(_rank_scores, catalogue, score) for name, score in scores.items()}
    return {**methods, **ranked}


def tune(
    choices: Sequence[Fit], catalogue: Catalogue, past: Events, cut: float, queries: list[Query]
) -> Fit:
    """RETURNS (Callable): The choice with the best mean NDCG on these queries, knowing the events
    before `cut`."""
    if len(choices) == 1:
        return choices[0]
    everything, before = np.ones(len(catalogue), dtype=bool), past.before(cut)

    def quality(choice: Fit) -> float:
        score = choice(catalogue, before)
        found = [_rank_scores(catalogue, score, query, everything) for query in queries]
        return sum(ndcg(f, query.targets) for f, query in zip(found, queries, strict=True))

    return max(choices, key=quality)


def _rank_hybrid(hybrid: Hybrid, query: Query, among: np.ndarray) -> np.ndarray:
    return hybrid.rank(query.history, max(DEPTHS), among)[0]


def _rank_scores(catalogue: Catalogue, score: Score, query: Query, among: np.ndarray) -> np.ndarray:
    """Items of equal score are in random order, the same for every query."""
    allowed = among & allowed_items(catalogue, query.history)
    order = np.random.default_rng(0).permutation(len(catalogue))
    return order[best_of(score(query.history)[order], max(DEPTHS), allowed[order])]
