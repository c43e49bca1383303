"""Surges that belong together are one incident: one alarm, however many series and hours it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .surges import Surge

SHARED = 0.5  # of the posts of a surge in an incident: then it is part of that


@dataclass
class Incident:
    """Surges of one cause.

    first (Surge): The most significant surge of the first hour.
    surges (dict[int, Surge]): The most significant surge of every series, in order of appearance.
    posts (set[str]): Ids of the posts in their windows.
    own (set[str]): Those of the series of the first surge.
    last_hour (int): The last hour with a surge.
    """

    first: Surge
    surges: dict[int, Surge] = field(default_factory=dict)
    posts: set[str] = field(default_factory=set)
    own: set[str] = field(default_factory=set)
    last_hour: int = -1

    def add(self, surge: Surge, posts: frozenset[str]) -> None:
        """Take in a surge."""
        best = self.surges.get(surge.series)
        if best is None or surge.p_value < best.p_value:
            self.surges[surge.series] = surge
        self.posts |= posts
        if surge.series == self.first.series:
            self.own |= posts
        self.last_hour = max(self.last_hour, surge.hour)


def group_surges(
    surges: Iterable[Surge], posts: Mapping[Surge, frozenset[str]], cooldown: int
) -> list[Incident]:
    """Put surges into incidents: one goes on with an incident of its series, or of which it shares
    half its posts, unless that has been over for longer than the cool-down.

    surges (Iterable[Surge]): In order of time.
    posts (Mapping): The ids of the posts in the window of each.
    cooldown (int): Hours.
    RETURNS (list[Incident]): In order of their first hour.
    """
    incidents: list[Incident] = []
    for surge in surges:
        incident = _find(incidents, surge, posts[surge], cooldown)
        if incident is None:
            incident = Incident(surge)
            incidents.append(incident)
        incident.add(surge, posts[surge])
    return incidents


def _find(
    incidents: list[Incident], surge: Surge, posts: frozenset[str], cooldown: int
) -> Incident | None:
    """RETURNS (Incident | None): The latest incident that the surge belongs to."""
    for incident in reversed(incidents):
        if surge.hour - incident.last_hour > cooldown:
            continue
        if surge.series in incident.surges or len(posts & incident.posts) >= SHARED * len(posts):
            return incident
    return None
