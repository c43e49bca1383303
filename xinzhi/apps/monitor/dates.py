"""The time of a post, as people and machines write it, in UTC."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ...errors import XinzhiError

UTC = timezone.utc
FUTURE = timedelta(minutes=5)  # clocks differ
FIRST = datetime(1990, 1, 1, tzinfo=UTC)  # before that a date is a mistake, e.g. 1970-01-01
_TIME = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?\s*[T\s]\s*"
    r"(\d{1,2})[:：时](\d{2})(?:[:：分](\d{2})(?:[.,](\d{1,9}))?)?[分秒]?\s*"
    r"(Z|UTC|[+-]\d{2}:?\d{2}|[+-]\d{2})?",
    re.IGNORECASE,
)


class BadTime(ValueError):
    """What is wrong with a time."""


def get_zone(name: str) -> ZoneInfo:
    """RETURNS (ZoneInfo): A time zone by its name in the IANA database.

    RAISES (XinzhiError): If there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as err:
        raise XinzhiError(
            f"There is no time zone '{name}'.",
            "Use a name such as Asia/Shanghai or UTC; on Windows: pip install tzdata.",
        ) from err


def parse_time(value: Any, naive: tzinfo | None, now: datetime) -> datetime:
    """Read the time of a post.

    value (Any): ISO 8601 or a date as written in China (2026/1/19 18:34, 2026年1月19日 18:34:05),
        with or without an offset; or a datetime.
    naive (tzinfo | None): The zone of times without an offset; None: they are not taken.
    now (datetime): Later times are not taken (five minutes of grace).
    RETURNS (datetime): In UTC.
    RAISES (BadTime): If there is no date and time of day in it, no zone, or it cannot be right.
    """
    found = value if isinstance(value, datetime) else _parse(value)
    if found.tzinfo is None:
        if naive is None:
            raise BadTime(f"the time {value} has no zone; name it with --assume-zone")
        found = found.replace(tzinfo=naive)
    try:
        time = found.astimezone(UTC)
    except OverflowError as err:
        raise BadTime(f"the time {value} cannot be right") from err
    if time > now + FUTURE:
        raise BadTime(f"the time {value} is in the future")
    if time < FIRST:
        raise BadTime(f"the time {value} is before {FIRST:%Y}, a mistake")
    return time


def _parse(value: Any) -> datetime:
    if value is None or value == "":
        raise BadTime("the time is missing")
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise BadTime(f"{value!r} is not a date with a time of day, such as 2026-01-19T18:34+08:00")
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    micro = int((match[7] or "0").ljust(6, "0")[:6])
    try:
        zone = _offset(match[8])
        return datetime(year, month, day, hour, minute, second, micro, zone)
    except ValueError as err:
        raise BadTime(f"{value!r} is not a date: {err}") from err


def _offset(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text.upper() in ("Z", "UTC"):
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    delta = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-delta if text[0] == "-" else delta)


def wall_clock(time: datetime, zone: tzinfo) -> datetime:
    """RETURNS (datetime): What a clock in the zone shows, without a zone."""
    return time.astimezone(zone).replace(tzinfo=None)
