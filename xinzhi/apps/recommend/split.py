"""What was known at a time, and what users liked afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .records import Events

LEAST = 5  # events of a user before anything is recommended


@dataclass(frozen=True)
class History:
    """What is known of a user.

    items (ndarray): Numbers of the items, the earliest first.
    liked (ndarray): Whether each was liked.
    time (float): Seconds since 1970: now.
    """

    items: np.ndarray
    liked: np.ndarray
    time: float


@dataclass(frozen=True)
class Query:
    """A user at a time, with what came after it.

    user (int): The user.
    history (History): All events of the user before that time.
    targets (ndarray): Items liked afterwards, none of them in the history.
    """

    user: int
    history: History
    targets: np.ndarray


def time_at(events: Events, share: float) -> float:
    """RETURNS (float): The time before which this share of the events lies."""
    return float(np.quantile(events.time, share)) if share < 1 else float(events.time[-1]) + 1


def make_queries(events: Events, start: float, end: float, *, several: bool = False) -> list[Query]:
    """Ask for every user who is active in a window.

    The question is put when the window begins, or after the user's first `LEAST` events if that is
    later. A model that knows the events before `start` has seen nothing of what it is asked for.

    events (Events): All events.
    start, end (float): The window, in seconds since 1970.
    several (bool): Ask again after twice, four times … as many events, for more to learn from.
    RETURNS (list[Query]): Those with targets.
    """
    queries = []
    by_user = np.argsort(events.user, kind="stable")
    for rows in np.split(by_user, np.flatnonzero(np.diff(events.user[by_user])) + 1):
        times = events.time[rows]
        first = max(int(np.searchsorted(times, start)), LEAST)
        stop = int(np.searchsorted(times, end))
        while first < stop:
            query = _query(events, rows[:first], rows[first:stop])
            queries += [query] if len(query.targets) else []
            first = 2 * first if several else stop
    return queries


def _query(events: Events, before: np.ndarray, after: np.ndarray) -> Query:
    history = History(events.item[before], events.liked[before], float(events.time[after[0]]))
    liked = events.item[after][events.liked[after]]
    return Query(int(events.user[after[0]]), history, np.setdiff1d(liked, history.items))


def liked_by_user(events: Events) -> list[np.ndarray]:
    """RETURNS (list[ndarray]): For every user, the items liked, the earliest first."""
    found: list[list[int]] = [[] for _ in events.names]
    for user, item in zip(events.user[events.liked], events.item[events.liked], strict=True):
        found[user].append(int(item))
    return [np.array(items, dtype=int) for items in found]
