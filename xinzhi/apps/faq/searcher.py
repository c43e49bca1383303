"""Two retrievers, their fusion, and what the ranker sees of each candidate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .embedder import Encodes
from .lexical import Bm25
from .store import ASKED, FULL, OUTSIDE, WORDING, Store

FUSION = 60  # Cormack et al. 2009: reciprocal rank fusion
CANDIDATES = 20
DEPTH = 50  # entries of each retriever that are fused
SCORES = ("highest", "question", "with the answer", "asked by users", "mean")
FEATURES = (
    *(f"bm25 by length, {score}" for score in SCORES),
    *(f"cosine, {score}" for score in SCORES),
    "1 / bm25 rank",
    "1 / cosine rank",
)
CONTEXT = ("bm25 outside by length", "cosine outside", "mean highest cosine", "log length")
BM25, COSINE = 0, len(SCORES)  # where the features of a retriever begin: with the highest


@dataclass(frozen=True)
class Candidates:
    """The entries that may answer a query.

    ids (list[str]): The entries, the best by fusion first.
    features (ndarray): Shape (len(ids), len(FEATURES)).
    context (ndarray): Of the query, shape (len(CONTEXT),).
    bm25, cosine (list[str]): The best entries of each retriever alone, in order.
    """

    ids: list[str]
    features: np.ndarray
    context: np.ndarray
    bm25: list[str]
    cosine: list[str]


class Searcher:
    """Finds candidates: the vectors and n-grams of a store, in memory.

    store (Store): The entries.
    embedder (Encodes): What their vectors were made with.
    """

    def __init__(self, store: Store, embedder: Encodes) -> None:
        self.embedder = embedder
        keys, self._vectors = store.keys()
        self._bm25 = Bm25([key.text for key in keys])
        self._kinds = np.array([key.kind for key in keys])
        self._rows: dict[str, list[int]] = {}
        for row, key in enumerate(keys):
            self._rows.setdefault(key.text, []).append(row)
        self._outside = sum(key.entry == OUTSIDE for key in keys)  # they come first
        owners = [key.entry for key in keys[self._outside :]]
        firsts = [i for i, name in enumerate(owners) if not i or owners[i - 1] != name]
        self.ids = [owners[i] for i in firsts]
        self._starts = np.array(firsts, dtype=int) + self._outside
        self._ends = np.append(self._starts[1:], len(keys))
        self._numbers = {name: number for number, name in enumerate(self.ids)}

    def search(
        self, texts: Sequence[str], known: bool = False, hidden: Sequence[str] = ()
    ) -> list[Candidates]:
        """Find candidates for queries.

        texts (Sequence[str]): The queries.
        known (bool): They are among the keys, each of which is not to find itself.
        hidden (Sequence[str]): For each query an entry that counts as not there.
        RETURNS (list[Candidates]): One for each.
        """
        if not self.ids:
            nothing = np.zeros((0, len(FEATURES)))
            return [Candidates([], nothing, np.zeros(len(CONTEXT)), [], []) for _ in texts]
        found = []
        vectors = self.embedder.encode(texts)
        without = [self._numbers.get(name) for name in hidden] or [None] * len(texts)
        for text, vector, number in zip(texts, vectors, without, strict=True):
            scores = [self._bm25.scores(text) / max(len(text), 1), self._vectors @ vector]
            if known:
                for score in scores:
                    score[self._rows.get(text, [])] = np.nan
            found.append(self._candidates(text, scores, number))
        return found

    def _candidates(self, text: str, scores: list[np.ndarray], hidden: int | None) -> Candidates:
        """RETURNS (Candidates): From the scores of all keys by BM25 and by cosine."""
        best = [np.nan_to_num(np.fmax.reduceat(s, self._starts), nan=-1.0) for s in scores]
        outside = [_highest(s[: self._outside]) for s in scores]
        context = np.array([*outside, best[1].mean(), np.log(max(len(text), 1))])
        if hidden is not None:
            for values in best:
                values[hidden] = -np.inf
        bm25, cosine = ([self.ids[i] for i in _top(values, DEPTH)] for values in best)
        ids = fuse(bm25, cosine)[:CANDIDATES]
        numbers = [self._numbers[name] for name in ids]
        features = np.array(
            [
                [
                    *(value for s in scores for value in self._scores(s, number)),
                    *(1 / (1 + np.count_nonzero(values > values[number])) for values in best),
                ]
                for number in numbers
            ]
        )
        return Candidates(ids, features.reshape(-1, len(FEATURES)), context, bm25, cosine)

    def _scores(self, scores: np.ndarray, number: int) -> tuple[float, ...]:
        """RETURNS (tuple): The scores of an entry, as in SCORES."""
        rows = slice(self._starts[number], self._ends[number])
        own, kinds = scores[rows], self._kinds[rows]
        full = _highest(own[kinds == FULL])
        wording = _highest(own[kinds == WORDING], full)
        asked = _highest(own[kinds == ASKED], wording)
        return _highest(own), wording, full, asked, float(np.nanmean(own))


def fuse(*orders: Sequence[str]) -> list[str]:
    """Reciprocal rank fusion.

    orders (Sequence[str]): Names, best first.
    RETURNS (list[str]): All of them, those with the highest sum of 1 / (60 + rank) first.
    """
    scores: dict[str, float] = {}
    for order in orders:
        for rank, name in enumerate(order):
            scores[name] = scores.get(name, 0.0) + 1 / (FUSION + rank)
    return sorted(scores, key=lambda name: (-scores[name], name))


def rank_of(name: str, order: Sequence[str]) -> int:
    """RETURNS (int): The rank of a name from 1; 0 if it is not there."""
    return order.index(name) + 1 if name in order else 0


def _highest(values: np.ndarray, default: float = 0.0) -> float:
    values = values[~np.isnan(values)]
    return float(values.max()) if len(values) else default


def _top(values: np.ndarray, count: int) -> np.ndarray:
    """RETURNS (ndarray): The numbers of the highest values, in order; not of -inf."""
    some = (
        np.argpartition(-values, count)[:count] if len(values) > count else np.arange(len(values))
    )
    some = some[np.isfinite(values[some])]
    order: np.ndarray = some[np.lexsort((some, -values[some]))]
    return order
