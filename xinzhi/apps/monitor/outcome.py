"""Alarms against events that are known: found or not, how soon, and what else was raised."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from ...errors import XinzhiError
from .alarms import Alarm
from .dates import UTC, BadTime, parse_time, wall_clock

AFTERMATH = timedelta(days=1)  # an alarm so long after the end of an event still belongs to it


@dataclass(frozen=True)
class Event:
    """Something that happened, or a quiet day. Times are local."""

    id: str
    start: datetime
    end: datetime
    alarm: bool
    topic: str | None
    posts: frozenset[str]


def read_events(path: Path, zone: tzinfo) -> list[Event]:
    """Read known events: a JSON list of objects with "id", "from", "to", "alarm" (whether there
    should be one), "topic" (or null) and "post_ids".

    path (Path): The file.
    zone (tzinfo): The zone of the database.
    RETURNS (list[Event]): The events.
    RAISES (XinzhiError): If the file is not like that.
    """
    try:
        items = json.loads(path.read_text(encoding="utf8"))
        return [_event(item, zone) for item in items]
    except (OSError, ValueError, KeyError, TypeError, BadTime) as err:
        raise XinzhiError(
            f"{path} holds no list of events: {err!r}.", "See docs/monitor.md for its fields."
        ) from err


def _event(item: dict[str, Any], zone: tzinfo) -> Event:
    now = datetime.max.replace(tzinfo=UTC) - timedelta(days=2)
    start, end = (wall_clock(parse_time(item[key], zone, now), zone) for key in ("from", "to"))
    posts = frozenset(map(str, item.get("post_ids", ())))
    return Event(str(item["id"]), start, end, bool(item["alarm"]), item.get("topic"), posts)


def compare(alarms: Sequence[Alarm], events: Sequence[Event]) -> dict[str, Any]:
    """Hold alarms against events.

    An alarm belongs to the event that most of its posts are of; without common posts, to one of
    the same topic during which, or up to a day after which, it was raised.

    alarms (Sequence[Alarm]): What was raised.
    events (Sequence[Event]): What is known.
    RETURNS (dict): "events": for each, "expected" and "alarmed", and the "latency_hours" from its
        start to its first alarm; "other_alarms": those without an event; "passed": whether exactly
        the expected events have an alarm, and nothing else.
    """
    owners = [_owner(alarm, events) for alarm in alarms]
    rows = []
    for event in events:
        own = [a for a, owner in zip(alarms, owners, strict=True) if owner is event]
        first = min((alarm.raised_at for alarm in own), default=None)
        latency = None if first is None else (first - event.start).total_seconds() / 3600
        rows.append(
            {
                "event": event.id,
                "expected": event.alarm,
                "alarmed": bool(own),
                "alarms": [alarm.id for alarm in own],
                "latency_hours": latency,
            }
        )
    others = [a.name for a, owner in zip(alarms, owners, strict=True) if owner is None]
    right = all(row["expected"] == row["alarmed"] for row in rows)
    return {"events": rows, "other_alarms": others, "passed": right and not others}


def _owner(alarm: Alarm, events: Sequence[Event]) -> Event | None:
    shared = [len(event.posts.intersection(alarm.evidence["posts"])) for event in events]
    if any(shared):
        return events[shared.index(max(shared))]
    for event in events:
        during = event.start <= alarm.raised_at <= event.end + AFTERMATH
        if during and event.topic in (None, alarm.topic):
            return event
    return None
