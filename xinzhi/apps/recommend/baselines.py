"""What a recommender must beat: popularity, item neighbours, ALS, TF-IDF."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from ...compat import require
from .catalogue import Catalogue
from .knowledge import liked_items
from .neighbours import liked_matrix, similarities
from .records import Events
from .split import History

Score = Callable[[History], np.ndarray]


def popularity(catalogue: Catalogue, events: Events, recent: float) -> Score:
    """RETURNS (Callable): The likes of every item among the latest share `recent` of the events."""
    first = int((1 - recent) * len(events.item))
    items = events.item[first:][events.liked[first:]]
    counts = np.bincount(items, minlength=len(catalogue)).astype(float)
    return lambda history: counts


def item_neighbours(catalogue: Catalogue, events: Events, shrink: float) -> Score:
    """RETURNS (Callable): The similarity by users to what was liked, summed."""
    near = similarities(liked_matrix(events, len(catalogue)), shrink)
    return lambda history: np.asarray(near[liked_items(history)].sum(0)).ravel()


def words(catalogue: Catalogue, events: Events) -> Score:
    """RETURNS (Callable): The mean TF-IDF cosine with what was liked."""
    table = catalogue.words

    def score(history: History) -> np.ndarray:
        return table @ np.asarray(table[liked_items(history)].mean(0)).ravel()

    return score


def newest(catalogue: Catalogue, events: Events) -> Score:
    """RETURNS (Callable): When every item came out."""
    times = np.nan_to_num(catalogue.time, nan=-np.inf)
    return lambda history: times


def als(catalogue: Catalogue, events: Events, factors: int, alpha: float) -> Score:
    """Alternating least squares on implicit feedback (Hu et al. 2008), by the library implicit.

    RETURNS (Callable): Products of the items' factors with those found for the history.
    """
    model: Any = require(
        "implicit.als", "'xinzhi[recommend]'", "the baseline ALS"
    ).AlternatingLeastSquares(
        factors=factors,
        alpha=alpha,
        regularization=0.05,
        iterations=15,
        num_threads=1,
        random_state=0,
    )
    model.fit(liked_matrix(events, len(catalogue)), show_progress=False)

    def score(history: History) -> np.ndarray:
        columns = np.unique(liked_items(history))
        cells = (np.ones(len(columns), "float32"), (np.zeros_like(columns), columns))
        row = sparse.csr_matrix(cells, shape=(1, len(catalogue)))
        user = model.recalculate_user(np.array([0]), row)
        return model.item_factors @ np.asarray(user).ravel()

    return score
