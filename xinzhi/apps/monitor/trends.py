"""What the dashboard shows, as JSON values: trends per topic × sentiment × entity, alarms."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from .alarms import read_alarms
from .database import Database

DAYS = 60  # on the dashboard, unless others are asked for
ENTITIES = 12  # of a topic, and of all
TEXTS = 5
NO_TOPIC = "(none)"
ORDER = ("negative", "neutral", "positive")


def dashboard_data(
    database: Database, since: date | None = None, until: date | None = None
) -> dict[str, Any]:
    """Collect what the dashboard shows.

    database (Database): An open database; reading is enough.
    since, until (date | None): First and last day; the last 60 days of the posts by default.
    RETURNS (dict): JSON values: "span", "totals", "days", "sentiments", "topics" (with "counts" by
        sentiment and day, "entities", "texts"), "entities", "hours" (weekday × hour), "alarms".
    """
    last = database.rows("SELECT CAST(MAX(local_at) AS DATE) FROM posts")[0][0]
    until = until or last or date.today()
    since = since or until - timedelta(days=DAYS - 1)
    first = database.rows(
        "SELECT CAST(MIN(local_at) AS DATE) FROM posts WHERE local_at >= ?", since
    )[0][0]
    since = max(since, first) if first else since
    days = [since + timedelta(days=n) for n in range((until - since).days + 1)]
    rows = _counts(database, days)
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
        "entities": _entities(database, days, None),
        "hours": _hours(database, days),
        "alarms": [a for a in alarms if a["last_at"][:10] >= since.isoformat()],
    }


def _ends(days: list[date]) -> tuple[date, date]:
    """RETURNS (tuple): The first day, and the day after the last."""
    return days[0], days[-1] + timedelta(days=1)


def _counts(database: Database, days: list[date]) -> list[tuple[Any, ...]]:
    return database.rows(
        "SELECT topic, sentiment, day, SUM(texts) FROM trends "
        "WHERE entity = '' AND day >= ? AND day < ? GROUP BY topic, sentiment, day",
        *_ends(days),
    )


def _totals(database: Database, days: list[date]) -> dict[str, int]:
    """RETURNS (dict): Posts, posts that are no copies, and rejected records."""
    sql = "SELECT COUNT(*) FROM {} WHERE local_at >= ? AND local_at < ?"
    found = {
        name: database.rows(sql.format(name), *_ends(days)) for name in ("posts", "unique_posts")
    }
    found["rejects"] = database.rows("SELECT COUNT(*) FROM rejects")
    return {name: rows[0][0] for name, rows in found.items()}


def _topics(
    database: Database, rows: list[tuple[Any, ...]], days: list[date], sentiments: list[str]
) -> list[dict[str, Any]]:
    """RETURNS (list): The topics, the most frequent first."""
    place = {day: number for number, day in enumerate(days)}
    topics: dict[str | None, dict[str, list[int]]] = {}
    for topic, sentiment, day, texts in rows:
        counts = topics.setdefault(topic, {name: [0] * len(days) for name in sentiments})
        counts[sentiment or NO_TOPIC][place[day]] += int(texts)
    found = [
        {
            "name": topic or NO_TOPIC,
            "total": sum(map(sum, counts.values())),
            "counts": counts,
            "entities": _entities(database, days, topic) if topic else [],
            "texts": _texts(database, days, topic, sentiments[0]) if topic else [],
        }
        for topic, counts in topics.items()
    ]
    return sorted(found, key=lambda item: (-item["total"], item["name"]))


def _entities(database: Database, days: list[date], topic: str | None) -> list[dict[str, Any]]:
    """RETURNS (list): The most frequent entities, with their texts by sentiment and by day."""
    where = "p.local_at >= ? AND p.local_at < ? AND (CAST(? AS VARCHAR) IS NULL OR p.topic = ?)"
    source = "FROM unique_posts AS p JOIN mentions AS m ON m.post_id = p.id"
    values = (*_ends(days), topic, topic)
    names = database.rows(
        f"SELECT m.surface, MIN(m.label), COUNT(DISTINCT p.id) {source} WHERE {where} "
        "GROUP BY m.surface ORDER BY 3 DESC, 1 LIMIT ?",
        *(*values, ENTITIES),
    )
    by_day = database.rows(
        f"SELECT m.surface, p.sentiment, CAST(p.local_at AS DATE), COUNT(DISTINCT p.id) {source} "
        f"WHERE {where} AND m.surface IN (SELECT UNNEST(?)) GROUP BY ALL",
        *(*values, [name for name, _, _ in names]),
    )
    place = {day: number for number, day in enumerate(days)}
    found = {
        name: {
            "name": name,
            "label": label,
            "total": total,
            "sentiments": {},
            "days": [0] * len(days),
        }
        for name, label, total in names
    }
    for name, sentiment, day, texts in by_day:
        item = found[name]
        item["days"][place[day]] += texts
        item["sentiments"][sentiment or NO_TOPIC] = item["sentiments"].get(sentiment, 0) + texts
    return list(found.values())


def _texts(
    database: Database, days: list[date], topic: str, sentiment: str
) -> list[dict[str, Any]]:
    """RETURNS (list): The latest texts of a topic with a sentiment."""
    rows = database.rows(
        "SELECT id, local_at, channel, text FROM unique_posts WHERE topic = ? AND sentiment = ? "
        "AND local_at >= ? AND local_at < ? ORDER BY local_at DESC, id LIMIT ?",
        *(topic, sentiment, *_ends(days), TEXTS),
    )
    return [
        {"id": identity, "time": time.isoformat(), "channel": channel, "text": text}
        for identity, time, channel, text in rows
    ]


def _hours(database: Database, days: list[date]) -> list[list[int]]:
    """RETURNS (list): Texts by weekday (Monday first) and hour."""
    table = [[0] * 24 for _ in range(7)]
    rows = database.rows(
        "SELECT date_trunc('hour', local_at), COUNT(*) FROM unique_posts "
        "WHERE local_at >= ? AND local_at < ? GROUP BY 1",
        *_ends(days),
    )
    for time, texts in rows:
        assert isinstance(time, datetime)
        table[time.weekday()][time.hour] += texts
    return table
