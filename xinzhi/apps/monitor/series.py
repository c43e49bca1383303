"""Hourly counts per topic × entity from the tables."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from .database import Database
from .settings import DAY, AlarmSettings
from .surges import Counts


class Series(NamedTuple):
    """What is counted: the posts of the watched sentiment on a topic, on an entity, or both; None:
    on any."""

    topic: str | None = None
    entity: str | None = None

    @property
    def group(self) -> int:
        """RETURNS (int): The same for sister series."""
        return (self.topic is not None) + 2 * (self.entity is not None)

    def __str__(self) -> str:
        return " × ".join(filter(None, self)) or "all topics"


@dataclass(frozen=True)
class LoadedCounts:
    """Counts and what they count.

    counts (Counts): The numbers.
    series (list[Series]): What each row is.
    start (datetime): Local midnight at which the counts begin.
    """

    counts: Counts
    series: list[Series]
    start: datetime

    def time(self, hour: int) -> datetime:
        """RETURNS (datetime): Local time at which an hour begins."""
        return self.start + timedelta(hours=hour)


_BY_SERIES = """
WITH bad AS (
  SELECT id, topic, date_trunc('hour', local_at) AS hour FROM unique_posts
  WHERE sentiment = $1 AND local_at >= $2
), named AS (
  SELECT DISTINCT b.id, b.topic, b.hour, m.surface AS entity
  FROM bad AS b JOIN mentions AS m ON m.post_id = b.id
)
SELECT NULL AS topic, NULL AS entity, hour, COUNT(*) AS texts FROM bad GROUP BY hour
UNION ALL
SELECT topic, NULL, hour, COUNT(*) FROM bad WHERE topic IS NOT NULL GROUP BY topic, hour
UNION ALL
SELECT NULL, entity, hour, COUNT(*) FROM named GROUP BY entity, hour
UNION ALL
SELECT topic, entity, hour, COUNT(*) FROM named WHERE topic IS NOT NULL
GROUP BY topic, entity, hour
"""
_TOTAL = """
SELECT date_trunc('hour', local_at) AS hour, COUNT(*) AS texts FROM unique_posts
WHERE local_at >= $1 GROUP BY 1
"""


def load_counts(
    database: Database, settings: AlarmSettings, since: datetime | None = None
) -> LoadedCounts | None:
    """Count the posts of every hour; copies of a text within seven days count once.

    database (Database): An open database.
    settings (AlarmSettings): The sentiment, and the history that comes before `since`.
    since (datetime | None): Local time from which on surges are looked for; None: from the first
        post on.
    RETURNS (LoadedCounts | None): Whole days; None if there are no posts.
    """
    first, last = database.rows("SELECT MIN(local_at), MAX(local_at) FROM posts")[0]
    if first is None:
        return None
    if since is not None:
        first = max(first, since - timedelta(days=settings.history_days))
    start = first.replace(hour=0, minute=0, second=0, microsecond=0)
    hours = ((last - start).days + 1) * DAY
    total = np.zeros(hours)
    found = database.columns(_TOTAL, start)
    total[_hours(found["hour"], start)] = found["texts"]
    values, series, others = _by_series(database, settings, start, hours)
    groups = np.array([item.group for item in series], dtype=np.int64)
    counts = Counts(values, total, groups, start.weekday(), others)
    return LoadedCounts(counts, series, start)


def _by_series(
    database: Database, settings: AlarmSettings, start: datetime, hours: int
) -> tuple[Any, list[Series], dict[int, int]]:
    """RETURNS (tuple): Values of the series that could ever be large enough, those series, and the
    number of all others in each group."""
    sums: dict[Series, list[tuple[datetime, int]]] = {}
    for topic, entity, hour, texts in database.rows(_BY_SERIES, settings.sentiment, start):
        sums.setdefault(Series(topic, entity), []).append((hour, texts))
    large = [
        series
        for series, found in sums.items()
        if sum(texts for _, texts in found) >= settings.min_volume or series.group < 2
    ]
    large.sort(key=lambda series: (series.group, series.topic or "", series.entity or ""))
    values = np.zeros((len(large), hours))
    for row, series in enumerate(large):
        for hour, texts in sums[series]:
            values[row, int((hour - start).total_seconds() // 3600)] = texts
    others = Counter(series.group for series in sums.keys() - set(large))
    return values, large, dict(others)


def _hours(times: Any, start: datetime) -> Any:
    """RETURNS (ndarray): Numbers of hours since the start."""
    return ((times - np.datetime64(start)) / np.timedelta64(1, "h")).astype(int)
