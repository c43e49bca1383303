"""Alarms: surges confirmed on different texts, with their evidence, in the database once each."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from ...corpora.near import clusters, near_duplicates
from .database import Database
from .incidents import Incident, group_surges
from .series import LoadedCounts, Series, load_counts
from .settings import AlarmSettings
from .surges import Surge, detect

LISTED = 5  # texts and entities in the evidence


@dataclass(frozen=True)
class Alarm:
    """A surge of posts. Times are local, in the zone of the database.

    id (str): Its identity; the same in every run.
    started_at (datetime): First post of the surge.
    raised_at (datetime): End of the hour in which it was significant.
    last_at (datetime): End of the last hour in which it was.
    sentiment (str): Of the posts.
    topic, entity (str | None): The series that raised it; None: any.
    window_hours, observed, expected, p_value: Of that series, when it was raised.
    evidence (dict): "series" (all that surged), and of the posts of the series that raised it:
        "texts", "entities", "channels", "share" (of the sentiment on the topic, in the surge and
        before) and "posts" (ids).
    """

    id: str
    started_at: datetime
    raised_at: datetime
    last_at: datetime
    sentiment: str
    topic: str | None
    entity: str | None
    window_hours: int
    observed: int
    expected: float
    p_value: float
    evidence: dict[str, Any]

    @property
    def name(self) -> str:
        """RETURNS (str): What surged."""
        return str(Series(self.topic, self.entity))

    def to_dict(self) -> dict[str, Any]:
        """RETURNS (dict): JSON values; times in ISO 8601 without a zone."""
        return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in vars(self).items()}


@dataclass(frozen=True)
class _Post:
    id: str
    local_at: datetime
    text: str
    cluster: int


@dataclass(frozen=True)
class Findings:
    """What a look at the database found.

    alarms (list[Alarm]): In order of time.
    gaps (list): Beginning and end (local) of the times without data, or with very little.
    """

    alarms: list[Alarm]
    gaps: list[tuple[datetime, datetime]]


def find_alarms(
    database: Database, settings: AlarmSettings | None = None, since: datetime | None = None
) -> Findings:
    """Look for surges in the posts of a database. Nothing is written.

    database (Database): An open database.
    settings (AlarmSettings | None): Settings; None: as they are by default.
    since (datetime | None): Local time: only alarms that last until then or later, and only the
        history they need; None: everything.
    RETURNS (Findings): Alarms and gaps.
    RAISES (XinzhiError): If datasketch, which finds near-duplicates, is not installed.
    """
    settings = settings or AlarmSettings()
    loaded = load_counts(database, settings, since)
    if loaded is None:
        return Findings([], [])
    found = detect(loaded.counts, settings)
    confirmed, posts = _confirm(database, loaded, found.surges, settings)
    incidents = group_surges(confirmed, posts, settings.cooldown_hours)
    alarms = [_make_alarm(database, loaded, incident, settings) for incident in incidents]
    gaps = [(loaded.time(a), loaded.time(b)) for a, b in _runs(found.gaps)]
    if since is not None:
        alarms = [alarm for alarm in alarms if alarm.last_at >= since]
        gaps = [gap for gap in gaps if gap[1] >= since]
    return Findings(alarms, gaps)


def update_alarms(
    database: Database, settings: AlarmSettings | None = None, since: datetime | None = None
) -> Findings:
    """Look for surges and keep the alarms in the table `alarms`: a new one is added; one that goes
    on, or that late posts have changed, keeps its id.

    database (Database): Open for writing.
    settings, since: As for `find_alarms`.
    RETURNS (Findings): As found, with the ids of the table.
    """
    found = find_alarms(database, settings, since)
    with database.transaction():
        old = read_alarms(database)
        alarms = [_with_old_id(alarm, old) for alarm in found.alarms]
        for alarm in alarms:
            values = [*vars(alarm).values()]
            values[-1] = json.dumps(alarm.evidence, ensure_ascii=False)
            marks = ", ".join("?" * len(values))
            database.connection.execute(f"INSERT OR REPLACE INTO alarms VALUES ({marks})", values)
    return Findings(alarms, found.gaps)


def read_alarms(database: Database) -> list[Alarm]:
    """RETURNS (list[Alarm]): The alarms of the table, in order of time."""
    names = list(Alarm.__dataclass_fields__)[:-1]
    sql = f"SELECT {', '.join(names)}, evidence FROM alarms ORDER BY raised_at, id"
    rows = database.rows(sql)
    return [
        Alarm(**dict(zip(names, row[:-1], strict=True)), evidence=json.loads(row[-1]))
        for row in rows
    ]


def _with_old_id(alarm: Alarm, old: list[Alarm]) -> Alarm:
    """The alarm with the id of the old one that it shares most posts with; that is used up."""
    posts = set(alarm.evidence["posts"])
    shared = [len(posts.intersection(other.evidence["posts"])) for other in old]
    if not any(shared):
        return alarm
    return replace(alarm, id=old.pop(int(np.argmax(shared))).id)


def _confirm(
    database: Database, loaded: LoadedCounts, surges: list[Surge], settings: AlarmSettings
) -> tuple[list[Surge], dict[Surge, frozenset[str]]]:
    """Count near-duplicates once: the surges that are still significant, and their posts."""
    by_series: dict[int, list[Surge]] = {}
    for surge in surges:
        by_series.setdefault(surge.series, []).append(surge)
    kept: dict[Surge, frozenset[str]] = {}
    for number, own in by_series.items():
        first = min(surge.hour - surge.window for surge in own) + 1
        last = max(surge.hour for surge in own) + 1
        posts = _posts_of(
            database, loaded.series[number], settings, loaded.time(first), loaded.time(last)
        )
        ends = np.array([(post.local_at - loaded.start).total_seconds() / 3600 for post in posts])
        for surge in own:
            since, until = np.searchsorted(ends, (surge.hour + 1 - surge.window, surge.hour + 1))
            inside = posts[since:until]
            different = len({post.cluster for post in inside})
            again = surge.recounted(different) if different >= settings.min_volume else None
            if again is not None:
                kept[again] = frozenset(post.id for post in inside)
    order = sorted(kept, key=lambda surge: (surge.hour, surge.p_value, surge.series))
    return order, kept


def _posts_of(
    database: Database, series: Series, settings: AlarmSettings, start: datetime, end: datetime
) -> list[_Post]:
    """RETURNS (list): The posts of a series, near-duplicates with the same cluster."""
    sql = "SELECT id, local_at, text FROM unique_posts AS p WHERE sentiment = ?"
    values: list[Any] = [settings.sentiment]
    if series.topic is not None:
        sql += " AND topic = ?"
        values.append(series.topic)
    if series.entity is not None:
        sql += " AND EXISTS (SELECT 1 FROM mentions WHERE post_id = p.id AND surface = ?)"
        values.append(series.entity)
    sql += " AND local_at >= ? AND local_at < ? ORDER BY local_at, id"
    return _clustered(database.rows(sql, *values, start, end))


def _make_alarm(
    database: Database, loaded: LoadedCounts, incident: Incident, settings: AlarmSettings
) -> Alarm:
    first = incident.first
    series = loaded.series[first.series]
    raised, last = loaded.time(first.hour + 1), loaded.time(incident.last_hour + 1)
    posts = _load_posts(database, incident)
    key = f"{settings.sentiment}\n{series.topic}\n{series.entity}\n{raised.isoformat()}"
    started = posts[0].local_at
    evidence = {
        "series": [_series_row(loaded, surge) for surge in incident.surges.values()],
        "texts": _top_texts(posts),
        **_mentioned(database, posts),
        "share": _shares(database, series, settings, started, last),
        "posts": [post.id for post in posts],
    }
    return Alarm(
        id=hashlib.sha256(key.encode("utf8")).hexdigest()[:12],
        started_at=started,
        raised_at=raised,
        last_at=last,
        sentiment=settings.sentiment,
        topic=series.topic,
        entity=series.entity,
        window_hours=first.window,
        observed=int(first.count),
        expected=first.expected,
        p_value=first.p_value,
        evidence=evidence,
    )


def _series_row(loaded: LoadedCounts, surge: Surge) -> dict[str, Any]:
    """RETURNS (dict): A series at its most significant hour."""
    return {
        "name": str(loaded.series[surge.series]),
        "until": loaded.time(surge.hour + 1).isoformat(),
        "window_hours": surge.window,
        "observed": int(surge.count),
        "expected": round(surge.expected, 3),
        "p_value": surge.p_value,
    }


def _load_posts(database: Database, incident: Incident) -> list[_Post]:
    sql = (
        "SELECT id, local_at, text FROM posts WHERE id IN (SELECT UNNEST(?)) ORDER BY local_at, id"
    )
    return _clustered(database.rows(sql, sorted(incident.own)))


def _clustered(rows: list[tuple[Any, ...]]) -> list[_Post]:
    """RETURNS (list): Posts (id, time, text); near-duplicates have the same cluster."""
    near = clusters(len(rows), near_duplicates([text for _, _, text in rows]))
    return [_Post(i, time, text, near[number]) for number, (i, time, text) in enumerate(rows)]


def _top_texts(posts: list[_Post]) -> list[dict[str, Any]]:
    """RETURNS (list): The texts with most near-duplicates, the earliest first among equals."""
    sizes = Counter(post.cluster for post in posts)
    heads = [post for number, post in enumerate(posts) if post.cluster == number]
    heads.sort(key=lambda post: -sizes[post.cluster])
    return [
        {
            "id": post.id,
            "time": post.local_at.isoformat(),
            "text": post.text,
            "copies": sizes[post.cluster],
        }
        for post in heads[:LISTED]
    ]


def _mentioned(database: Database, posts: list[_Post]) -> dict[str, Any]:
    """RETURNS (dict): The most frequent entities and the channels of posts."""
    ids = [post.id for post in posts]
    entities = database.rows(
        "SELECT surface, MIN(label), COUNT(DISTINCT post_id) FROM mentions "
        "WHERE post_id IN (SELECT UNNEST(?)) GROUP BY surface ORDER BY 3 DESC, 1 LIMIT ?",
        *(ids, LISTED),
    )
    channels = database.rows(
        "SELECT channel, COUNT(*) FROM posts WHERE id IN (SELECT UNNEST(?)) "
        "GROUP BY channel ORDER BY 2 DESC, 1",
        ids,
    )
    return {
        "entities": [dict(zip(("text", "label", "posts"), row, strict=True)) for row in entities],
        "channels": dict(channels),
    }


def _shares(
    database: Database,
    series: Series,
    settings: AlarmSettings,
    start: datetime,
    end: datetime,
) -> dict[str, float | None]:
    """RETURNS (dict): Share of the sentiment among the posts of the topic, in the surge and in the
    days before it."""
    before = start - timedelta(days=settings.history_days)
    shares = []
    for since, until in ((start, end), (before, start)):
        row = database.rows(
            "SELECT AVG(CASE WHEN sentiment = ? THEN 1.0 ELSE 0.0 END) FROM unique_posts "
            "WHERE (CAST(? AS VARCHAR) IS NULL OR topic = ?) AND local_at >= ? AND local_at < ?",
            *(settings.sentiment, series.topic, series.topic, since, until),
        )
        shares.append(row[0][0])
    return {"surge": shares[0], "before": shares[1]}


def _runs(flags: Any) -> list[tuple[int, int]]:
    """RETURNS (list): Beginning and end of the runs of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags, [0]]).astype(int))).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))
