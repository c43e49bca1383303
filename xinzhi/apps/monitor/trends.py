"""What the dashboard shows, as JSON values: trends per topic × sentiment × entity, alarms."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

from ...errors import XinzhiError
from .alarms import read_alarms
from .database import Database

DAYS = 60  # on the dashboard, unless others are asked for
ENTITIES = 12  # of a topic, and of all
TEXTS = 5
NO_TOPIC = "(none)"
ORDER = ("negative", "neutral", "positive")
_SHOWN = """
CREATE OR REPLACE TEMP TABLE shown AS
SELECT id, local_at, CAST(local_at AS DATE) AS day, topic, sentiment FROM unique_posts
WHERE local_at >= ? AND local_at < ?
"""
_ENTITIES = """
WITH named AS (
  SELECT DISTINCT {by} AS part, m.surface, m.label, s.id, s.sentiment, s.day
  FROM shown AS s JOIN mentions AS m ON m.post_id = s.id
), top AS (
  SELECT part, surface, MIN(label) AS label, COUNT(DISTINCT id) AS total FROM named
  GROUP BY part, surface
  QUALIFY ROW_NUMBER() OVER (PARTITION BY part ORDER BY COUNT(DISTINCT id) DESC, surface) <= ?
)
SELECT t.part, t.surface, t.label, t.total, n.sentiment, n.day, COUNT(DISTINCT n.id)
FROM top AS t JOIN named AS n ON n.surface = t.surface AND n.part IS NOT DISTINCT FROM t.part
GROUP BY ALL ORDER BY t.total DESC, t.surface, n.day, n.sentiment
"""
_TEXTS = """
WITH latest AS (
  SELECT topic, id FROM shown WHERE sentiment = ?
  QUALIFY ROW_NUMBER() OVER (PARTITION BY topic ORDER BY local_at DESC, id) <= ?
)
SELECT p.topic, p.id, p.local_at, p.channel, p.text FROM latest JOIN posts AS p USING (id)
ORDER BY p.local_at DESC, p.id
"""


def dashboard_data(
    database: Database, since: date | None = None, until: date | None = None
) -> dict[str, Any]:
    """Collect what the dashboard shows.

    database (Database): An open database; reading is enough.
    since, until (date | None): First and last day; the last 60 days of the posts by default.
    RETURNS (dict): JSON values: "span", "totals", "days", "sentiments", "topics" (with "counts" by
        sentiment and day, "entities", "texts"), "entities", "hours" (weekday × hour), "alarms".
    RAISES (XinzhiError): If the first day is after the last.
    """
    last = database.rows("SELECT CAST(MAX(local_at) AS DATE) FROM posts")[0][0]
    until = until or last or date.today()
    since = since or until - timedelta(days=DAYS - 1)
    first = database.rows(
        "SELECT CAST(MIN(local_at) AS DATE) FROM posts WHERE local_at >= ?", since
    )[0][0]
    if since > until:
        raise XinzhiError(
            f"There is no day from {since} to {until}.", "The first day comes before the last."
        )
    if first and first <= until:
        since = max(since, first)
    days = [since + timedelta(days=n) for n in range((until - since).days + 1)]
    database.rows(_SHOWN, *_ends(days))
    rows = database.rows("SELECT topic, sentiment, day, COUNT(*) FROM shown GROUP BY ALL")
    found = {sentiment or NO_TOPIC for _, sentiment, _, _ in rows}
    sentiments = [name for name in ORDER if name in found]
    sentiments += sorted(found - set(ORDER))
    alarms = [alarm.to_dict() for alarm in read_alarms(database)]
    return {
        "database": database.path.name,
        "zone": database.zone.key,
        "span": [since.isoformat(), until.isoformat()],
        "totals": _totals(database, days),
        "days": [day.isoformat() for day in days],
        "sentiments": sentiments,
        "topics": _topics(database, rows, days, sentiments),
        "entities": _entities(database, "CAST(NULL AS VARCHAR)", days).get(None, []),
        "hours": _hours(database),
        "alarms": [a for a in alarms if a["last_at"][:10] >= since.isoformat()],
    }


def _ends(days: list[date]) -> tuple[date, date]:
    """RETURNS (tuple): The first day, and the day after the last."""
    return days[0], days[-1] + timedelta(days=1)


def _totals(database: Database, days: list[date]) -> dict[str, int]:
    """RETURNS (dict): Posts, posts that are no copies, and rejected records."""
    posts = "SELECT COUNT(*) FROM posts WHERE local_at >= ? AND local_at < ?"
    return {
        "posts": database.rows(posts, *_ends(days))[0][0],
        "unique_posts": database.rows("SELECT COUNT(*) FROM shown")[0][0],
        "rejects": database.rows("SELECT COUNT(*) FROM rejects")[0][0],
    }


def _topics(
    database: Database, rows: list[tuple[Any, ...]], days: list[date], sentiments: list[str]
) -> list[dict[str, Any]]:
    """RETURNS (list): The topics, the most frequent first."""
    place = {day: number for number, day in enumerate(days)}
    topics: dict[str | None, dict[str, list[int]]] = {}
    for topic, sentiment, day, texts in rows:
        counts = topics.setdefault(topic, {name: [0] * len(days) for name in sentiments})
        counts[sentiment or NO_TOPIC][place[day]] += texts
    entities = _entities(database, "topic", days)
    texts_of = _texts(database, sentiments[0]) if sentiments else {}
    found = [
        {
            "name": topic or NO_TOPIC,
            "total": sum(map(sum, counts.values())),
            "counts": counts,
            "entities": entities.get(topic, []),
            "texts": texts_of.get(topic, []),
        }
        for topic, counts in topics.items()
    ]
    return sorted(found, key=lambda item: (-item["total"], item["name"]))


def _entities(
    database: Database, by: str, days: list[date]
) -> dict[str | None, list[dict[str, Any]]]:
    """RETURNS (dict): Topic (or what else `by` is) to its most frequent entities, with their texts
    by sentiment and by day."""
    place = {day: number for number, day in enumerate(days)}
    found: dict[str | None, dict[str, dict[str, Any]]] = {}
    for group, name, label, total, sentiment, day, texts in database.rows(
        _ENTITIES.format(by=by), ENTITIES
    ):
        new = {"label": label, "total": total, "sentiments": Counter(), "days": [0] * len(days)}
        item = found.setdefault(group, {}).setdefault(name, {"name": name, **new})
        item["days"][place[day]] += texts
        item["sentiments"][sentiment or NO_TOPIC] += texts
    return {group: list(items.values()) for group, items in found.items()}


def _texts(database: Database, sentiment: str) -> dict[str | None, list[dict[str, Any]]]:
    """RETURNS (dict): Topic to its latest texts with a sentiment."""
    found: dict[str | None, list[dict[str, Any]]] = {}
    for topic, identity, time, channel, text in database.rows(_TEXTS, sentiment, TEXTS):
        row = {"id": identity, "time": time.isoformat(), "channel": channel, "text": text}
        found.setdefault(topic, []).append(row)
    return found


def _hours(database: Database) -> list[list[int]]:
    """RETURNS (list): Texts by weekday (Monday first) and hour."""
    table = [[0] * 24 for _ in range(7)]
    sql = "SELECT day, EXTRACT(hour FROM local_at), COUNT(*) FROM shown GROUP BY ALL"
    for day, hour, texts in database.rows(sql):
        table[day.weekday()][hour] += texts
    return table
