"""What the events up to a time say about users and items: the features of a candidate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse

from .catalogue import Catalogue
from .index import GraphIndex
from .neighbours import liked_matrix, similarities
from .records import Events
from .split import History, liked_by_user
from .towers import Towers, TowerSettings, padded, train_towers

YEAR = 365.25 * 86400
RECENT = 0.2  # the share of the events that is called recent
SHRINK = 30.0
FAINT = 1e-3  # similarity that is as good as none
PRIOR = 5.0  # events' worth of the mean share of likes
FEATURES = (
    "match",
    "cross",
    "neighbours",
    "popularity",
    "recent",
    "liked share",
    "categories",
    "words",
    "age",
    "era",
    "new",
    "history",
)


@dataclass(frozen=True)
class Counts:
    """Of every item.

    seen, liked (ndarray): Events, and those that are likes; shape (items,).
    recent (ndarray): Likes among the latest events.
    """

    seen: np.ndarray
    liked: np.ndarray
    recent: np.ndarray


def count_events(events: Events, items: int) -> Counts:
    """RETURNS (Counts): The counts of every item."""
    latest = events.liked & (np.arange(len(events.item)) >= (1 - RECENT) * len(events.item))
    columns = (events.item, events.item[events.liked], events.item[latest])
    return Counts(*(np.bincount(column, minlength=items).astype(float) for column in columns))


class Knowledge:
    """What is known of users and items.

    catalogue (Catalogue): The items.
    counts (Counts): Events of each.
    near (csr_matrix): Similarity of items by users, shape (items, items).
    towers (Towers): Trained on the same events.
    graph (GraphIndex | None): Index of the item tower's vectors; None: compare with all.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        counts: Counts,
        near: sparse.csr_matrix,
        towers: Towers,
        graph: GraphIndex | None = None,
    ) -> None:
        self.catalogue, self.counts, self.near, self.towers = catalogue, counts, near, towers
        with torch.inference_mode():
            self.table = towers.project(torch.from_numpy(catalogue.vectors))
        self.vectors = self.table.item.numpy()
        self.graph = graph

    @classmethod
    def fit(cls, catalogue: Catalogue, events: Events, settings: TowerSettings) -> Knowledge:
        """RETURNS (Knowledge): What these events say."""
        near = similarities(liked_matrix(events, len(catalogue)), SHRINK)
        towers = train_towers(catalogue.vectors, liked_by_user(events), settings)
        return cls(catalogue, count_events(events, len(catalogue)), near, towers)

    def user_vector(self, history: History) -> np.ndarray:
        """RETURNS (ndarray): The user tower's vector, float32, shape (width,)."""
        with torch.inference_mode():
            return self.towers.users(self.table, *padded([liked_items(history)]))[0].numpy()

    def neighbour_scores(self, history: History) -> np.ndarray:
        """RETURNS (ndarray): Similarity to the liked items, summed; shape (items,)."""
        return np.asarray(self.near[liked_items(history)].sum(0)).ravel()

    def candidates(self, history: History, count: int, allowed: np.ndarray) -> np.ndarray:
        """Collect the best by text, by neighbours and by popularity, and the newest.

        history (History): The user.
        count (int): How many of each.
        allowed (ndarray): Which items may be recommended, boolean, shape (items,).
        RETURNS (ndarray): Numbers of items, ascending.
        """
        time = np.nan_to_num(self.catalogue.time, nan=-np.inf)
        scores = (self.neighbour_scores(history), self.counts.recent, time)
        found = [best_of(row, count, allowed) for row in scores]
        return np.unique(np.concatenate([self._by_text(history, count, allowed), *found]))

    def features(self, history: History, candidates: np.ndarray) -> np.ndarray:
        """Describe candidates for a user.

        history (History): The user.
        candidates (ndarray): Numbers of items.
        RETURNS (ndarray): Shape (candidates, len(FEATURES)).
        """
        liked, counts, catalogue = liked_items(history), self.counts, self.catalogue
        ratio = counts.liked.sum() / max(counts.seen.sum(), 1)
        share = (counts.liked + PRIOR * ratio) / (counts.seen + PRIOR)
        age = (history.time - catalogue.time[candidates]) / YEAR
        era = np.abs(catalogue.time[candidates] - _mean_time(catalogue.time[liked])) / YEAR
        columns = [
            self.vectors[candidates] @ self.user_vector(history),
            self._cross(history, candidates),
            np.log(self.neighbour_scores(history)[candidates] / len(liked) + FAINT),
            np.log1p(counts.liked[candidates]),
            np.log1p(counts.recent[candidates]),
            share[candidates],
            catalogue.categories[candidates] @ catalogue.categories[liked].mean(0),
            _words(catalogue.words, liked, candidates),
            np.log1p(np.maximum(age, 0)),
            np.log1p(era),
            counts.seen[candidates] == 0,
            np.full(len(candidates), np.log1p(len(liked))),
        ]
        return np.nan_to_num(np.stack(columns, axis=1).astype("float32"))

    def _by_text(self, history: History, count: int, allowed: np.ndarray) -> np.ndarray:
        vector = self.user_vector(history)
        if self.graph is None:
            return best_of(self.vectors @ vector, count, allowed)
        found = self.graph.search(vector, count + len(history.items))
        return found[allowed[found]][:count]

    def _cross(self, history: History, candidates: np.ndarray) -> np.ndarray:
        liked, mask = padded([liked_items(history)])
        rows = torch.from_numpy(candidates)[None]
        with torch.inference_mode():
            return self.towers.cross_scores(self.table, liked, mask, rows)[0].numpy()


def best_of(scores: np.ndarray, count: int, allowed: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): Numbers of the items with the highest scores, of those allowed."""
    scores = np.where(allowed, scores, -np.inf)
    count = min(count, len(scores))
    best = np.argpartition(-scores, count - 1)[:count]
    best = best[np.argsort(-scores[best], kind="stable")]
    return best[allowed[best]]


def liked_items(history: History) -> np.ndarray:
    """RETURNS (ndarray): What the user liked; if that is nothing, all that the user knows."""
    return history.items[history.liked] if history.liked.any() else history.items


def _mean_time(times: np.ndarray) -> float:
    known = times[~np.isnan(times)]
    return float(known.mean()) if len(known) else np.nan


def _words(words: sparse.csr_matrix, liked: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): Mean cosine with the liked items, shape (candidates,)."""
    profile = np.asarray(words[liked].mean(0)).ravel()
    return words[candidates] @ profile
