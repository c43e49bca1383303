"""How good is the matching on queries that nothing has learnt from? Folds, against baselines.

The folds are stratified: each has its part of the queries of every entry, and of every kind of
queries without an answer.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...errors import XinzhiError
from ...evaluation.confidence import chance_calibration_error, expected_calibration_error
from ...evaluation.intervals import mean_interval
from .embedder import Embedder, Encodes
from .entries import Entry, Query
from .fine_tune import FineTuning, Progress, fine_tune, no_progress
from .index import decide
from .learn import answered_share, fill, learn_ranker, threshold
from .ranker import Ranker
from .searcher import BM25, COSINE, Candidates, Searcher, rank_of
from .store import Store

FOLDS = 6
OWN = "in scope"  # the kind of queries that have an answer
Order = Callable[[Candidates], list[str]]
Score = Callable[[Candidates], float]
PLAIN: dict[str, tuple[Order, Score | None]] = {
    "BM25": (lambda c: c.bm25, lambda c: float(c.features[:, BM25].max())),
    "embeddings": (lambda c: c.cosine, lambda c: float(c.features[:, COSINE].max())),
    "fused": (lambda c: c.ids, None),
}


class Judged(NamedTuple):
    """What became of a query.

    query (Query): The query.
    rank (int): Of the right entry, from 1; 0: not found, or there is none.
    decision (str): As in a reply; "": nothing decides.
    confidence (float | None): Probability of the likeliest entry.
    """

    query: Query
    rank: int
    decision: str = ""
    confidence: float | None = None


class Remembering:
    """Encodes each text once.

    embedder (Encodes): Does the work.
    """

    def __init__(self, embedder: Encodes) -> None:
        self._embedder = embedder
        self._vectors: dict[str, np.ndarray] = {}

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """RETURNS (ndarray): As from the embedder."""
        new = list(dict.fromkeys(text for text in texts if text not in self._vectors))
        self._vectors |= dict(zip(new, self._embedder.encode(new), strict=True))
        return np.stack([self._vectors[text] for text in texts])


def evaluate(
    entries: Sequence[Entry],
    embedder: Embedder,
    queries: Sequence[Query],
    tuning: FineTuning | None = None,
    folds: int = FOLDS,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Compare BM25, embeddings, their fusion, the ranker and fine-tuned encoders.

    Everything that learns learns from the other folds. With fine-tuning the folds go in pairs: the
    encoder learns from those outside the pair; one of the pair fits the ranker, the other is
    judged, and the other way round.

    entries (Sequence[Entry]): The knowledge base.
    embedder (Embedder): The encoder as it is.
    queries (Sequence[Query]): With and without an answer.
    tuning (FineTuning | None): Also fine-tune, with these settings.
    folds (int): How many, an even number.
    progress (Callable): Of the fine-tuning.
    RETURNS (dict): Method -> its scores, see `summarise`.
    RAISES (XinzhiError): If the queries cannot be split like that.
    """
    fold = split(queries, folds)
    if tuning is not None and folds < 4:
        raise XinzhiError(
            f"With {folds} folds nothing is left for fine-tuning.", "Use 4 folds or more."
        )
    base = Remembering(embedder)
    found = judge_plain(entries, base, queries, fold)
    found["ranker"] = []
    for number in range(folds):
        mine, others = _part(queries, fold, [number])
        found["ranker"] += judge_ranker(entries, base, others, others, mine)
    if tuning is not None:
        found |= judge_tuned(entries, embedder, queries, fold, tuning, progress)
    return {name: summarise(judged) for name, judged in found.items()}


def split(queries: Sequence[Query], folds: int) -> np.ndarray:
    """RETURNS (ndarray): The fold of each query, shape (queries,).

    RAISES (XinzhiError): If `folds` is odd, or more than an entry has queries on average.
    """
    seen: Counter[tuple[str, str]] = Counter()
    fold = []
    for query in queries:
        group = (query.entry, "" if query.entry else query.kind)
        fold.append(seen[group] % folds if folds > 0 else 0)
        seen[group] += 1
    asked = [count for (entry, _), count in seen.items() if entry]
    if folds < 2 or folds % 2 or not asked or folds > np.mean(asked):
        raise XinzhiError(
            f"{sum(asked)} queries on {len(asked)} entries cannot be split into {folds} folds.",
            "Use an even number of folds, at most the queries that an entry has on average.",
        )
    return np.array(fold)


def judge_plain(
    entries: Sequence[Entry], embedder: Encodes, queries: Sequence[Query], fold: np.ndarray
) -> dict[str, list[Judged]]:
    """RETURNS (dict): Of each method that learns no more than a threshold, its judgements."""
    found = _searcher(entries, embedder, []).search([query.text for query in queries])
    judged: dict[str, list[Judged]] = {}
    for name, (order, score) in PLAIN.items():
        ranks = [rank_of(q.entry, order(c)) for q, c in zip(queries, found, strict=True)]
        decisions = [""] * len(queries)
        if score is not None:
            decisions = _by_threshold(queries, fold, [-score(candidates) for candidates in found])
        judged[name] = [Judged(*row) for row in zip(queries, ranks, decisions, strict=True)]
    return judged


def judge_tuned(
    entries: Sequence[Entry],
    embedder: Embedder,
    queries: Sequence[Query],
    fold: np.ndarray,
    tuning: FineTuning,
    progress: Progress = no_progress,
) -> dict[str, list[Judged]]:
    """RETURNS (dict): Judgements of fine-tuned embeddings alone, and with the ranker."""
    alone: list[Judged] = []
    ranked: list[Judged] = []
    for first in range(0, int(fold.max()) + 1, 2):
        _, seen = _part(queries, fold, [first, first + 1])
        tuned = Remembering(fine_tune(embedder, entries, seen, tuning, progress).rounded())
        for number, other in ((first, first + 1), (first + 1, first)):
            mine, others = _part(queries, fold, [number])
            unseen, _ = _part(queries, fold, [other])
            unseen += [query for query in others if not query.entry and query not in unseen]
            found = _searcher(entries, tuned, []).search([query.text for query in mine])
            alone += [
                Judged(query, rank_of(query.entry, candidates.cosine))
                for query, candidates in zip(mine, found, strict=True)
            ]
            ranked += judge_ranker(entries, tuned, others, unseen, mine)
    return {"fine-tuned embeddings": alone, "fine-tuned, ranker": ranked}


def judge_ranker(
    entries: Sequence[Entry],
    embedder: Encodes,
    known: Sequence[Query],
    learn_from: Sequence[Query],
    judged: Sequence[Query],
) -> list[Judged]:
    """RETURNS (list[Judged]): Queries against an index with known ones and a ranker."""
    searcher = _searcher(entries, embedder, known)
    ranker = learn_ranker(searcher, learn_from, answered_share(learn_from, known))
    found = searcher.search([query.text for query in judged])
    return [_judge(query, ranker, c) for query, c in zip(judged, found, strict=True)]


def summarise(judged: Sequence[Judged]) -> dict[str, Any]:
    """The scores of a method.

    judged (Sequence[Judged]): What became of the queries.
    RETURNS (dict): "recall_at_1", "recall_at_5", "mrr" with 95 % intervals over queries;
        "rejected": share by kind; "answers": how many queries with an answer got one or a choice of
        two, and how often it was right; "calibration" of the probability of the likeliest entry,
        over all queries, beside what chance alone would make of it.
    """
    own = [item for item in judged if item.query.entry]
    ranks = np.array([item.rank for item in own])
    values = {
        "recall_at_1": ranks == 1,
        "recall_at_5": (ranks > 0) & (ranks <= 5),
        "mrr": np.where(ranks > 0, 1 / np.maximum(ranks, 1), 0.0),
    }
    scores: dict[str, Any] = {
        name: {"value": float(value.mean()), "interval": mean_interval(value.astype(float))}
        for name, value in values.items()
    }
    scores["rejected"] = _rejected(judged)
    scores["answers"] = _answers(own)
    sure = [(item.confidence, item.rank == 1) for item in judged if item.confidence is not None]
    if sure:
        confidence, right = (np.array(column, dtype=float) for column in zip(*sure, strict=True))
        scores["calibration"] = {
            "ece": expected_calibration_error(confidence, right),
            "by_chance": chance_calibration_error(confidence),
        }
    return scores


def _rejected(judged: Iterable[Judged]) -> dict[str, dict[str, float]]:
    """RETURNS (dict): Kind of query -> how many, and the share that got no answer."""
    kinds: dict[str, list[bool]] = {}
    for item in judged:
        if item.decision:
            kind = OWN if item.query.entry else item.query.kind or "out of scope"
            kinds.setdefault(kind, []).append(item.decision == "none")
    return {k: {"queries": len(v), "share": float(np.mean(v))} for k, v in kinds.items()}


def _answers(own: Sequence[Judged]) -> dict[str, dict[str, float]]:
    """RETURNS (dict): Decision -> how many, and the share that showed the right entry."""
    found = {}
    for decision, shown in (("answer", 1), ("clarify", 2)):
        ranks = [item.rank for item in own if item.decision == decision]
        if ranks:
            right = float(np.mean([0 < rank <= shown for rank in ranks]))
            found[decision] = {"queries": len(ranks), "right": right}
    return found


def _judge(query: Query, ranker: Ranker, candidates: Candidates) -> Judged:
    probabilities = ranker.probabilities(candidates)
    order = np.argsort(-probabilities[:-1], kind="stable")
    best = probabilities[order]
    decision = decide(best.tolist(), float(probabilities[-1]), ranker.threshold)
    rank = rank_of(query.entry, [candidates.ids[i] for i in order])
    return Judged(query, rank, decision, float(best.max(initial=0.0)))


def _by_threshold(queries: Sequence[Query], fold: np.ndarray, values: Sequence[float]) -> list[str]:
    """RETURNS (list[str]): Decisions by a value that is high for "none", of a threshold that the
    other folds give."""
    limits = {}
    for number in range(int(fold.max()) + 1):
        rows = zip(queries, fold, values, strict=True)
        limits[number] = threshold([v for q, f, v in rows if f != number and q.entry])
    return ["none" if v > limits[f] else "answer" for f, v in zip(fold, values, strict=True)]


def _searcher(entries: Sequence[Entry], embedder: Encodes, known: Sequence[Query]) -> Searcher:
    """RETURNS (Searcher): Of entries and known queries."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(Path(folder) / "faq.db")
        fill(store, embedder, entries, known)
        searcher = Searcher(store, embedder)
        store.close()
    return searcher


def _part(
    queries: Sequence[Query], fold: np.ndarray, numbers: Sequence[int]
) -> tuple[list[Query], list[Query]]:
    """RETURNS (tuple): The queries of some folds, and the others."""
    inside = np.isin(fold, numbers)
    mine = [query for query, chosen in zip(queries, inside, strict=True) if chosen]
    return mine, [query for query, chosen in zip(queries, inside, strict=True) if not chosen]
