"""From entries and users' queries to vectors and a ranker; nothing is judged by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from .embedder import Embedder, Encodes
from .entries import Entry, Query
from .fine_tune import FineTuning, Progress, fine_tune, no_progress
from .ranker import NONE, Ranker
from .searcher import Candidates, Searcher
from .store import ASKED, Key, Store, keys_of

REJECTED = 0.04  # share of queries with an answer to be told there is none; 5 % are too many
ENOUGH = 20  # queries without an answer
PARTS = 5  # of the cross-validation that finds the threshold; one is kept from fine-tuning


class Learnt(NamedTuple):
    """What an index consists of."""

    store: Store
    embedder: Embedder
    ranker: Ranker


def learn(
    path: Path,
    entries: Sequence[Entry],
    embedder: Embedder,
    queries: Sequence[Query],
    tuning: FineTuning | None = None,
    progress: Progress = no_progress,
) -> Learnt:
    """Fine-tune the encoder if that is wanted, fill a store, fit a ranker.

    path (Path): The file of the store.
    entries (Sequence[Entry]): The entries.
    embedder (Embedder): The encoder.
    queries (Sequence[Query]): What users asked, with and without an answer.
    tuning (FineTuning | None): Fine-tune with these settings: on four fifths of the queries, so
        that the ranker learns from the others how near queries come that the encoder does not know.
    progress (Callable): Of the fine-tuning.
    RETURNS (Learnt): Store, encoder with rounded weights, ranker.
    """
    unseen = queries
    if tuning is not None:
        seen, unseen = hold_out(queries)
        embedder = fine_tune(embedder, entries, seen, tuning, progress)
    embedder = embedder.rounded()
    store = Store.create(path)
    fill(store, embedder, entries, queries)
    share = answered_share(unseen, queries)
    ranker = learn_ranker(Searcher(store, embedder), unseen or own_queries(entries), share)
    return Learnt(store, embedder, ranker)


def fill(
    store: Store, embedder: Encodes, entries: Sequence[Entry], queries: Sequence[Query]
) -> None:
    """Put entries and what users asked into a store.

    store (Store): The store.
    embedder (Encodes): Makes the vectors.
    entries (Sequence[Entry]): The entries.
    queries (Sequence[Query]): Of these entries, and without an answer.
    """
    keys = [key for entry in entries for key in keys_of(entry)]
    keys += [Key(query.entry, ASKED, query.text) for query in queries]
    vectors = embedder.encode([key.text for key in keys])
    store.add(entries, zip(keys, vectors, strict=True), replace=False)


def learn_ranker(searcher: Searcher, queries: Sequence[Query], share: float = 1.0) -> Ranker:
    """Fit the ranker to queries, each of which is hidden when it is searched for.

    The threshold of "none" tells `REJECTED` of the queries with an answer that there is none; it is
    found by cross-validation, since a ranker is too sure of what it was fitted to.

    searcher (Searcher): Entries and queries.
    queries (Sequence[Query]): With and without an answer. If there are too few without, queries
        whose entry is hidden stand for them.
    RETURNS (Ranker): The ranker.
    """
    found, right = training_rows(searcher, queries)
    if not any(choice != NONE for choice in right):
        return Ranker.unfitted()
    ranker = Ranker.fit(found, right, share)
    none = []
    for rows, rest in parts(right):
        other = Ranker.fit([found[i] for i in rest], [right[i] for i in rest], share)
        none += [other.probabilities(found[i])[-1] for i in rows if right[i] != NONE]
    if none:
        ranker.threshold = threshold(none)
    return ranker


def threshold(none: Sequence[float]) -> float:
    """The conformal quantile (Vovk et al. 2005): of new queries that have an answer, at most
    `REJECTED` are beyond it in expectation, however few were seen.

    none (Sequence[float]): P(none) of queries that have an answer.
    RETURNS (float): What P(none) has to exceed for "no answer"; 0.5 if there are too few.
    """
    rank = math.ceil((len(none) + 1) * (1 - REJECTED))
    return sorted(none)[rank - 1] if rank <= len(none) else 0.5


def training_rows(
    searcher: Searcher, queries: Sequence[Query]
) -> tuple[list[Candidates], list[int]]:
    """RETURNS (tuple): Candidates of queries, and the number of the right one or NONE."""
    found: list[Candidates] = []
    right: list[int] = []
    rows = searcher.search([query.text for query in queries], known=True)
    for query, candidates in zip(queries, rows, strict=True):
        if query.entry in candidates.ids or (candidates.ids and not query.entry):
            found.append(candidates)
            right.append(candidates.ids.index(query.entry) if query.entry else NONE)
    if right.count(NONE) < ENOUGH:
        answered = [query for query in queries if query.entry]
        hidden = [query.entry for query in answered]
        rows = searcher.search([query.text for query in answered], known=True, hidden=hidden)
        found += [candidates for candidates in rows if candidates.ids]
        right += [NONE] * (len(found) - len(right))
    return found, right


def parts(right: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """RETURNS (list): For each part of a cross-validation, the numbers of its queries and of the
    others; queries with and without an answer are spread evenly."""
    order = sorted(range(len(right)), key=lambda i: right[i] == NONE)
    found = [
        (order[n::PARTS], [i for k, i in enumerate(order) if k % PARTS != n]) for n in range(PARTS)
    ]
    return [(rows, rest) for rows, rest in found if rows and any(right[i] != NONE for i in rest)]


def hold_out(queries: Sequence[Query]) -> tuple[list[Query], list[Query]]:
    """RETURNS (tuple): Four fifths of the queries that have an answer, of every entry if it has
    five; the others, with those that have none."""
    order = sorted((query for query in queries if query.entry), key=lambda query: query.entry)
    rest = order[PARTS - 1 :: PARTS] + [query for query in queries if not query.entry]
    return [query for i, query in enumerate(order) if i % PARTS != PARTS - 1], rest


def answered_share(some: Sequence[Query], queries: Sequence[Query]) -> float:
    """RETURNS (float): How much of the queries with an answer is among some of them."""
    count = sum(bool(query.entry) for query in queries)
    return sum(bool(query.entry) for query in some) / count if count else 1.0


def own_queries(entries: Sequence[Entry]) -> list[Query]:
    """RETURNS (list[Query]): The wordings of the questions, for want of users' queries."""
    return [Query(text, entry.id) for entry in entries for text in entry.wordings]
