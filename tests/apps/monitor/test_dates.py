"""Times as people write them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from xinzhi.apps.monitor.dates import UTC, BadTime, get_zone, parse_time, wall_clock
from xinzhi.errors import XinzhiError

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-19T18:34:05+08:00", "2026-01-19T10:34:05"),
        ("2026-01-19T18:34:05+0800", "2026-01-19T10:34:05"),
        ("2026-01-19 18:34:05.250Z", "2026-01-19T18:34:05.250000"),
        ("2026-01-19T18:34-05:30", "2026-01-20T00:04:00"),
        ("2026/1/19 18:34", "2026-01-19T10:34:00"),
        ("2026年1月19日 18:34:05", "2026-01-19T10:34:05"),
        ("2026年1月19日 18时34分", "2026-01-19T10:34:00"),
        ("2026.01.19 18:34 +08", "2026-01-19T10:34:00"),
    ],
)
def test_parse(text: str, expected: str) -> None:
    assert parse_time(text, SHANGHAI, NOW).replace(tzinfo=None).isoformat() == expected


@pytest.mark.parametrize(
    ("value", "fact"),
    [
        ("昨天下午", "is not a date"),
        ("2026-01-19", "time of day"),
        ("2026-02-30 10:00+08:00", "is not a date"),
        ("2026-01-19 25:00+08:00", "is not a date"),
        ("", "missing"),
        (None, "missing"),
        (1768815245, "is not a date"),
        ("2027-01-01T00:00Z", "future"),
        ("1970-01-01T00:00Z", "before 1990"),
        ("0001-01-01T00:00+23:00", "cannot be right"),
        ("2026-01-19 18:34", "no zone"),
    ],
)
def test_bad_times(value: object, fact: str) -> None:
    with pytest.raises(BadTime, match=fact):
        parse_time(value, None, NOW)


def test_the_wall_clock_and_unknown_zones() -> None:
    time = parse_time("2026-01-19T20:34Z", None, NOW)
    assert wall_clock(time, SHANGHAI) == datetime(2026, 1, 20, 4, 34)
    with pytest.raises(XinzhiError, match="Mars"):
        get_zone("Mars/Base")
