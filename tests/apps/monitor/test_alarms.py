"""From posts to alarms: the sample with gold and with predicted labels, spam, late posts."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from xinzhi.apps.monitor.alarms import find_alarms, read_alarms, update_alarms
from xinzhi.apps.monitor.database import Database
from xinzhi.apps.monitor.delivery import describe
from xinzhi.apps.monitor.ingest import ingest
from xinzhi.apps.monitor.outcome import compare, read_events
from xinzhi.apps.monitor.settings import AlarmSettings
from xinzhi.errors import XinzhiError

from .conftest import OPINION, Write, post, quiet_month

ANGER = (
    "付款一直转圈，钱扣了两次没人管",
    "排队二十分钟就为了等一个二维码刷出来",
    "客服电话打不通，余额对不上，急死人",
    "便利店老板说今天谁都付不了，让我回家拿现金",
    "半夜收到三条扣款短信，我可什么都没买",
    "第三方接口又挂，年年如此，赔偿呢？",
    "地铁闸机前站了十分钟，后面的人都在骂",
    "退款申请被驳回，理由栏空着，这叫服务？",
)


@pytest.mark.parametrize("labels", ["posts", "predicted"])
def test_the_planted_events(opened: Database, labels: str) -> None:
    ingest(opened, [str(OPINION / f"{labels}.jsonl")])
    found = update_alarms(opened)
    result = compare(found.alarms, read_events(OPINION / "events.json", opened.zone))
    latency = {row["event"]: row["latency_hours"] for row in result["events"]}
    assert result["passed"], result
    assert latency["a"] <= 12
    assert latency["b"] <= 24
    assert len(found.alarms) == 2
    assert [(start.month, start.day) for start, _ in found.gaps] == [(1, 26)]


def test_evidence_and_what_is_kept(opened: Database) -> None:
    ingest(opened, [str(OPINION / "posts.jsonl")])
    first, second = update_alarms(opened).alarms
    assert (second.topic, second.entity, second.sentiment) == ("支付", None, "negative")
    assert second.evidence["entities"][0]["text"] == "云桥支付"
    assert second.evidence["share"]["surge"] > 0.8 > 0.3 > second.evidence["share"]["before"]
    assert second.evidence["texts"][0]["id"] == "237"
    assert set(second.evidence["channels"]) == {"microblog", "forum", "complaint", "news"}
    assert second.p_value < 1e-6 < second.expected
    assert "支付 × 云桥支付" in {row["name"] for row in second.evidence["series"]}
    assert read_alarms(opened) == [first, second]
    assert update_alarms(opened).alarms == [first, second]
    text = describe(second)
    assert "2026-01-19 20:00  negative surge: 支付" in text
    assert "云桥支付 (21)" in text
    since = find_alarms(opened, since=datetime(2026, 1, 20))
    assert [alarm.id for alarm in since.alarms] == [second.id]
    assert opened.rows("SELECT COUNT(*) FROM alarms") == [(2,)]


def test_positive_surges_can_be_watched(opened: Database) -> None:
    ingest(opened, [str(OPINION / "posts.jsonl")])
    found = find_alarms(opened, AlarmSettings(sentiment="neutral")).alarms
    assert {alarm.topic for alarm in found} <= {"信贷"}
    assert all(alarm.sentiment == "neutral" for alarm in found)


def surge(texts: list[str], day: int = 17, start: int = 9000) -> list[dict[str, object]]:
    first = datetime(2026, 3, 2) + timedelta(days=day, hours=9)
    return [
        post(start + n, first + timedelta(minutes=30 * n), text, sentiment="negative")
        for n, text in enumerate(texts)
    ]


def test_spam_is_no_surge_but_many_voices_are(opened: Database, write: Write) -> None:
    ingest(opened, [str(write(quiet_month()))])
    assert find_alarms(opened).alarms == []
    numbers = "零一二三四五六七"
    spam = [
        f"【曝光】云桥支付坑人不浅，转发第{n}次，请大家一定不要再用它付款了！！" for n in numbers
    ]
    ingest(opened, [str(write(surge(spam), "spam.jsonl"))])
    assert find_alarms(opened).alarms == []
    ingest(opened, [str(write(surge(list(ANGER), start=9500), "voices.jsonl"))])
    (alarm,) = find_alarms(opened).alarms
    assert alarm.topic == "支付"
    assert alarm.evidence["texts"][0]["copies"] == len(spam)


def test_late_posts_change_an_alarm_and_keep_its_id(opened: Database, write: Write) -> None:
    ingest(opened, [str(write([*quiet_month(), *surge(list(ANGER[1:]))]))])
    (early,) = update_alarms(opened).alarms
    more = surge([f"{text}，还有谁？" for text in reversed(ANGER)], start=9400)
    for record in more:
        record["time"] = str(record["time"]).replace("T09", "T08").replace("T10", "T08")
    ingest(opened, [str(write(more, "late.jsonl"))])
    (late,) = update_alarms(opened).alarms
    assert late.id == early.id
    assert late.raised_at < early.raised_at
    assert len(late.evidence["posts"]) > len(early.evidence["posts"])
    assert opened.rows("SELECT COUNT(*) FROM alarms") == [(1,)]


def test_two_bursts_are_one_alarm_until_the_cooldown_is_over(
    opened: Database, write: Write
) -> None:
    later = surge([text[::-1] for text in ANGER], day=19, start=9300)
    ingest(opened, [str(write([*quiet_month(24), *surge(list(ANGER), day=15), *later]))])
    assert len(find_alarms(opened).alarms) == 2
    assert len(find_alarms(opened, AlarmSettings(cooldown_hours=120)).alarms) == 1


def test_an_empty_database(opened: Database) -> None:
    found = update_alarms(opened)
    assert (found.alarms, found.gaps) == ([], [])


def test_events_that_are_missed_and_alarms_without_one(opened: Database, tmp_path: Path) -> None:
    ingest(opened, [str(OPINION / "posts.jsonl")])
    events = read_events(OPINION / "events.json", opened.zone)
    alarms = find_alarms(opened).alarms
    missed = compare(alarms[:1], events)
    assert not missed["passed"]
    assert [row["alarmed"] for row in missed["events"]] == [False, True, False, False]
    surprising = compare(alarms, events[1:])
    assert surprising["other_alarms"] == ["支付"]
    (tmp_path / "events.json").write_text('[{"id": 1}]')
    with pytest.raises(XinzhiError, match=r"events.json holds no list of events"):
        read_events(tmp_path / "events.json", opened.zone)
