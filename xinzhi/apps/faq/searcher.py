"""Two retrievers, their fusion, and what the ranker sees of each candidate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .embedder import Embedder
from .store import ASKED, FULL, OUTSIDE, WORDING, Store

FUSION = 60  # Cormack et al. 2009: reciprocal rank fusion
CANDIDATES = 20
DEPTH = 50  # entries of each retriever that are fused
LEXICAL = 400  # keys that the full-text index looks at
FEATURES = (
    "bm25 by length",
    "cosine of the question",
    "cosine with the answer",
    "cosine of what users asked",
    "mean cosine",
    "highest cosine",
    "1 / bm25 rank",
    "1 / cosine rank",
)
CONTEXT = (
    "bm25 outside by length",
    "cosine outside",
    "mean of all entries' cosines",
    "log length",
)
HIGHEST = FEATURES.index("highest cosine")


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
    """Finds candidates: the full-text index of a store, and its vectors, in memory.

    store (Store): The entries.
    embedder (Embedder): What their vectors were made with.
    """

    def __init__(self, store: Store, embedder: Embedder) -> None:
        self.store, self.embedder = store, embedder
        keys, vectors = store.keys()
        outside = sum(key.entry == OUTSIDE for key in keys)  # they come first
        self._outside = vectors[:outside]
        self._vectors = vectors[outside:]
        self._kinds = np.array([key.kind for key in keys[outside:]])
        self._texts: dict[str, list[int]] = {}
        for row, key in enumerate(keys):
            self._texts.setdefault(key.text, []).append(row)
        owners = np.array([key.entry for key in keys[outside:]], dtype=object)
        changes = owners[1:] != owners[:-1]
        self._starts = np.flatnonzero(np.append(len(owners) > 0, changes))
        self._ends = np.append(self._starts[1:], len(owners))
        self.ids: list[str] = owners[self._starts].tolist()
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
        vectors = self.embedder.encode(texts)
        without = hidden or [OUTSIDE] * len(texts)
        rows = zip(texts, vectors, without, strict=True)
        return [self._candidates(text, vector, known, name) for text, vector, name in rows]

    def _candidates(self, text: str, vector: np.ndarray, known: bool, hidden: str) -> Candidates:
        if not self.ids:
            return Candidates([], np.zeros((0, len(FEATURES))), np.zeros(len(CONTEXT)), [], [])
        lexical = self.store.search(text, LEXICAL, text if known else None)
        similar = [self._outside @ vector, self._vectors @ vector]
        if known:
            for row in self._texts.get(text, []):
                part = int(row >= len(similar[0]))
                similar[part][row - part * len(similar[0])] = np.nan
        outside = (lexical.pop(OUTSIDE, 0.0), _highest(similar[0]))
        best = np.nan_to_num(np.fmax.reduceat(similar[1], self._starts), nan=-1.0)
        mean = float(best.mean())
        if hidden in self._numbers:
            lexical.pop(hidden, None)
            best[self._numbers[hidden]] = -np.inf
        semantic = _top(best, DEPTH)
        cosine = [self.ids[i] for i in semantic if np.isfinite(best[i])]
        bm25 = list(lexical)[:DEPTH]
        ids = fuse(bm25, cosine)[:CANDIDATES]
        numbers = np.array([self._numbers[name] for name in ids], dtype=int)
        length = max(len(text), 1)
        ranks = (best[None, :] > best[numbers][:, None]).sum(1)
        columns = [
            np.array([lexical.get(name, 0.0) for name in ids]) / length,
            *np.array([self._cosines(similar[1], i) for i in numbers]).reshape(-1, 4).T,
            best[numbers],
            np.array([1 / (1 + bm25.index(name)) if name in bm25 else 0.0 for name in ids]),
            1 / (1 + ranks),
        ]
        context = np.array([outside[0] / length, outside[1], mean, np.log(length)])
        return Candidates(ids, np.stack(columns, axis=1), context, bm25, cosine)

    def _cosines(self, similar: np.ndarray, number: int) -> tuple[float, ...]:
        """RETURNS (tuple): Highest of the question, with the answer, of what users asked; mean."""
        rows = slice(self._starts[number], self._ends[number])
        own, kinds = similar[rows], self._kinds[rows]
        full = _highest(own[kinds == FULL])
        wording = _highest(own[kinds == WORDING], full)
        asked = _highest(own[kinds == ASKED], wording)
        return wording, full, asked, float(np.nanmean(own))


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
    """RETURNS (ndarray): The numbers of the highest values, in order."""
    some = (
        np.argpartition(-values, count)[:count] if len(values) > count else np.arange(len(values))
    )
    order: np.ndarray = some[np.argsort(-values[some], kind="stable")]
    return order
