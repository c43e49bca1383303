"""Train knowledge and ranker, each on its own time, and rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...errors import XinzhiError
from ...ranges import check_range
from .catalogue import Catalogue
from .knowledge import FEATURES, Knowledge
from .ranker import CANDIDATES, Ranker, Rows, allowed_items, training_rows
from .records import Events
from .split import History, make_queries, time_at
from .towers import TowerSettings


@dataclass(frozen=True)
class Settings:
    """How a recommender is trained.

    towers (TowerSettings): Of the match by text.
    past (float): The share of the events, by time, that the ranker's features know of; it learns
        from the rest.
    """

    towers: TowerSettings = field(default_factory=TowerSettings)
    past: float = 0.8

    def __post_init__(self) -> None:
        check_range("past", self.past, 0.1, 0.95)


class Hybrid:
    """Ranks what the sources find.

    knowledge (Knowledge): Of everything up to now.
    ranker (Ranker): Features to the probability of a like.
    """

    def __init__(self, knowledge: Knowledge, ranker: Ranker) -> None:
        self.knowledge, self.ranker = knowledge, ranker

    @classmethod
    def fit(cls, catalogue: Catalogue, events: Events, settings: Settings) -> Hybrid:
        """RETURNS (Hybrid): A recommender trained on events; see `learn`."""
        knowledge, rows = learn(catalogue, events, settings)
        return cls(knowledge, fit_ranker(rows))

    def rank(
        self, history: History, count: int, among: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rank for a user.

        history (History): The user.
        count (int): How many.
        among (ndarray | None): Items to choose from, boolean, shape (items,); None: all.
        RETURNS (tuple): Numbers of the items, the best first, and the probability of each.
        """
        allowed = allowed_items(self.knowledge.catalogue, history)
        if among is not None:
            allowed &= among
        found = self.knowledge.candidates(history, max(CANDIDATES, count), allowed)
        scores = self.ranker.probabilities(self.knowledge.features(history, found))
        best = np.argsort(-scores, kind="stable")[:count]
        return found[best], scores[best]


def learn(catalogue: Catalogue, events: Events, settings: Settings) -> tuple[Knowledge, Rows]:
    """Learn from events: first, from those before `settings.past`, what the features of the later
    ones were at the time; then from all.

    catalogue (Catalogue): The items.
    events (Events): All events up to now.
    settings (Settings): As said.
    RETURNS (tuple): What is known now, and what the ranker is to learn from.
    RAISES (XinzhiError): If there is nothing to learn from.
    """
    cut = time_at(events, settings.past)
    queries = make_queries(events, cut, np.inf, several=True)
    before = Knowledge.fit(catalogue, events.before(cut), settings.towers)
    rows = training_rows(before, queries)
    if rows is None:
        raise XinzhiError(
            f"In the last {1 - settings.past:.0%} of the events nobody liked anything new.",
            "Give more events.",
        )
    return Knowledge.fit(catalogue, events, settings.towers), rows


def fit_ranker(rows: Rows, without: Sequence[str] = ()) -> Ranker:
    """RETURNS (Ranker): A ranker that does not see the features `without`."""
    return Ranker.fit(rows, [i for i, name in enumerate(FEATURES) if name not in without])
