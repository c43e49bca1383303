from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("duckdb", reason="needs the extra 'monitor'")
pytest.importorskip("datasketch", reason="needs the extra 'monitor'")

from xinzhi.apps.monitor.database import Database, open_database

OPINION = Path(__file__).parents[3] / "assets" / "opinion"
Write = Callable[..., Path]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Database]:
    with open_database(tmp_path / "舆情 db.duckdb", create=True) as database:
        yield database


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A function that writes records as JSON Lines."""

    def write_(records: list[dict[str, Any]], name: str = "posts.jsonl") -> Path:
        path = tmp_path / name
        lines = [json.dumps(record, ensure_ascii=False) for record in records]
        path.write_text("\n".join(lines) + "\n", encoding="utf8")
        return path

    return write_


def post(number: int, time: datetime | str, text: str = "", **fields: Any) -> dict[str, Any]:
    """A record with labels; texts differ unless one is given."""
    when = time if isinstance(time, str) else time.isoformat() + "+08:00"
    cats = {"topic": fields.pop("topic", "支付"), "sentiment": fields.pop("sentiment", "neutral")}
    words = text or f"第{number}条：{'甲乙丙丁戊己庚辛壬癸'[number % 10] * 3}{number * 7919}"
    return {"id": number, "time": when, "text": words, "cats": cats, "source": "forum", **fields}


def quiet_month(days: int = 20, start: datetime = datetime(2026, 3, 2)) -> list[dict[str, Any]]:
    """Twelve posts a day at fixed hours, two of them negative, on two topics."""
    records = []
    for day in range(days):
        for hour in range(12):
            number = day * 12 + hour + 1
            time = start + timedelta(days=day, hours=8 + hour, minutes=hour)
            mood = "negative" if hour in (3, 8) else "neutral"
            topic = "支付" if hour % 2 else "理财"
            records.append(post(number, time, topic=topic, sentiment=mood))
    return records
