"""The dashboard: complete, self-contained, safe, and to be mounted by a service."""

from __future__ import annotations

import json
from datetime import date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from xinzhi.apps.monitor.alarms import update_alarms
from xinzhi.apps.monitor.database import Database
from xinzhi.apps.monitor.drift import corpus_sample, measure_drift, posts_sample
from xinzhi.apps.monitor.ingest import ingest
from xinzhi.apps.monitor.page import render_dashboard, write_dashboard
from xinzhi.apps.monitor.plots import spark, trend
from xinzhi.apps.monitor.trends import dashboard_data
from xinzhi.errors import XinzhiError

from .conftest import OPINION, Write, post

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Outside(HTMLParser):
    """Fails on anything that a page would load, and on tags that do not close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "link", "img", "iframe")
        assert not {name for name, _ in attrs} & {"src", "onload", "onclick"}
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def checked(page: str) -> str:
    parser = Outside()
    parser.feed(page)
    assert parser.open == []
    assert "http" not in page
    return page


@pytest.fixture
def month(opened: Database) -> Database:
    ingest(opened, [str(OPINION / "posts.jsonl")])
    update_alarms(opened)
    return opened


def test_the_data(month: Database) -> None:
    data = dashboard_data(month)
    assert data["span"] == ["2026-01-01", "2026-01-30"]
    assert data["totals"] == {"posts": 400, "unique_posts": 400, "rejects": 0}
    topics = {topic["name"]: topic for topic in data["topics"]}
    assert next(iter(topics)) == "支付"
    assert topics["支付"]["counts"]["negative"][19] == 20
    assert sum(topic["total"] for topic in topics.values()) == 400
    yunqiao = next(e for e in topics["支付"]["entities"] if e["name"] == "云桥支付")
    assert yunqiao["total"] == sum(yunqiao["days"]) == sum(yunqiao["sentiments"].values())
    assert sum(map(sum, data["hours"])) == 400
    assert json.loads(json.dumps(data)) == data
    part = dashboard_data(month, date(2026, 1, 10), date(2026, 1, 12))
    assert part["days"] == ["2026-01-10", "2026-01-11", "2026-01-12"]
    assert part["totals"]["posts"] == 32


def test_the_page(month: Database, tmp_path: Path) -> None:
    drift = measure_drift(corpus_sample([OPINION / "posts.jsonl"]), posts_sample(month, None, None))
    write_dashboard(month, tmp_path / "out" / "page.html", drift=drift)
    page = checked((tmp_path / "out" / "page.html").read_text(encoding="utf8"))
    for words in (
        "支付: negative surge",
        "8 texts in 6 h, 0.15 expected",
        "云桥支付 21",
        "Drift of",
    ):
        assert words in page
    assert page.count("<figure>") == 5


def test_texts_are_escaped(opened: Database, write: Write) -> None:
    attack = "<script>alert('付')</script>"
    record = post(1, "2026-03-02T10:00Z", attack, topic=attack, sentiment="negative")
    record["label"] = [[0, 8, attack]]
    ingest(opened, [str(write([record]))])
    page = checked(render_dashboard(dashboard_data(opened)))
    assert "&lt;script&gt;alert" in page


def test_an_empty_database_and_other_labels(opened: Database, write: Write) -> None:
    checked(render_dashboard(dashboard_data(opened)))
    records = [
        post(n, datetime(2026, 3, 2, n), sentiment=s) for n, s in enumerate(("好评", "差评"))
    ]
    del records[0]["cats"]["topic"]
    ingest(opened, [str(write(records))])
    page = checked(render_dashboard(dashboard_data(opened)))
    assert "(none)" in page
    assert "好评" in page


def test_days_that_are_chosen(month: Database) -> None:
    none = dashboard_data(month, date(2025, 1, 1), date(2025, 1, 2))
    assert (none["days"], none["totals"]["posts"]) == (["2025-01-01", "2025-01-02"], 0)
    checked(render_dashboard(none))
    assert dashboard_data(month, since=date(2025, 1, 1))["span"] == ["2026-01-01", "2026-01-30"]
    for since, until in ((date(2026, 2, 1), None), (date(2026, 1, 2), date(2026, 1, 1))):
        with pytest.raises(XinzhiError, match="There is no day from"):
            dashboard_data(month, since, until)


@pytest.mark.parametrize("counts", [[0], [3], [0, 1, 0, 250], [7] * 90])
def test_charts_of_any_size(counts: list[int]) -> None:
    days = [date.fromordinal(738_000 + n).isoformat() for n in range(len(counts))]
    values: dict[str, Any] = {"negative": counts, "其他": counts}
    drawn = trend(values, days, [(days[0], "a < b"), ("1999-01-01", "elsewhere")])
    assert "a &lt; b" in drawn
    assert "elsewhere" not in drawn
    assert "nan" not in drawn + spark(counts)
