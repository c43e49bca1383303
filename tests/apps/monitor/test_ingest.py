"""Posts into the database: once, whole, and nothing lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from xinzhi.apps.monitor import ingest as module
from xinzhi.apps.monitor.database import Database, open_database
from xinzhi.apps.monitor.dates import UTC
from xinzhi.apps.monitor.ingest import ingest, pipeline_name, write_rejects
from xinzhi.apps.monitor.posts import PostFields, text_key
from xinzhi.errors import XinzhiError

from .conftest import OPINION, Write, post, quiet_month

NOW = datetime(2026, 6, 1, tzinfo=UTC)
TABLES = ("posts", "mentions", "rejects")


def tables(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    return {name: database.rows(f"SELECT * FROM {name} ORDER BY ALL") for name in TABLES}


def test_the_sample_comes_in_once(opened: Database) -> None:
    report = ingest(opened, [str(OPINION / "posts.jsonl")])
    assert (report.new, report.known, report.rejected) == (400, 0, 0)
    before = tables(opened)
    again = ingest(opened, [str(OPINION / "posts.jsonl")])
    assert (again.new, again.known) == (0, 400)
    assert tables(opened) == before
    row = opened.rows("SELECT posted_at, local_at, topic, sentiment FROM posts WHERE id = '1'")
    utc, local = datetime(2025, 12, 31, 16, 23, 41), datetime(2026, 1, 1, 0, 23, 41)
    assert row == [(utc, local, "支付", "positive")]
    mention = opened.rows("SELECT * FROM mentions WHERE post_id = '1'")
    assert [m[:5] for m in mention] == [("1", 6, 9, "产品", "云桥码")]
    day = "SELECT texts FROM trends WHERE day = DATE '2026-01-20' AND topic = '支付' "
    assert opened.rows(day + "AND sentiment = 'negative' AND entity = ''") == [(20,)]


def test_late_posts_and_parts_in_any_order_give_the_same_tables(
    opened: Database, write: Write, tmp_path: Path
) -> None:
    records = quiet_month(3)
    whole = write(records)
    ingest(opened, [str(whole)])
    with open_database(tmp_path / "parts.duckdb", create=True) as other:
        for name, part in (("b", records[20:]), ("a", records[:25])):
            ingest(other, [str(write(part, f"{name}.jsonl"))])
        assert tables(other) == tables(opened)


def test_bad_records_are_set_aside_and_counted(opened: Database, write: Write) -> None:
    good = post(1, "2026-03-02T10:00:00+08:00", "云桥支付付款失败")
    other_zone = post(2, "2026-03-02T02:00:00Z", "同一时刻，另一时区")
    bad = [
        post(3, "昨天下午"),
        post(4, "2026-03-02 10:00"),
        post(5, "2099-01-01T00:00:00Z"),
        post(6, "2026-03-02T10:00Z", "  "),
        {**post(7, "2026-03-02T10:00Z"), "cats": {"topic": "支付"}},
        {**post(8, "2026-03-02T10:00Z"), "label": [[0, 999, "机构"]]},
        {**good, "text": "同一个编号，别的文字"},
        {**good, "time": "2026-03-03T10:00:00+08:00"},
        {**post(9, "2026-03-02T10:00Z"), "id": [9]},
    ]
    path = write([good, other_zone, *bad, good])
    with path.open("a", encoding="utf8") as file:
        file.write('{"id": 10, "time": \n')
    report = ingest(opened, [str(path)], now=NOW)
    assert (report.new, report.known, report.rejected) == (2, 1, len(bad) + 1)
    assert opened.rows("SELECT DISTINCT local_at FROM posts") == [(datetime(2026, 3, 2, 10),)]
    facts = dict(opened.rows("SELECT line, fact FROM rejects"))
    words = {
        3: "is not a date",
        4: "no zone",
        5: "future",
        6: "empty",
        7: "no label 'sentiment'",
        8: "not an entity",
        9: "different text or time",
        10: "different text or time",
        11: "string or an integer",
        13: "JSON",
    }
    assert set(facts) == set(words)
    for line, word in words.items():
        assert word in facts[line], facts[line]
    again = ingest(opened, [str(path)], now=NOW)
    assert (again.new, again.known, again.rejected) == (0, 3, len(bad) + 1)
    assert opened.rows("SELECT COUNT(*) FROM rejects") == [(len(bad) + 1,)]


def test_rejects_can_be_written_and_come_in_later(
    opened: Database, write: Write, tmp_path: Path
) -> None:
    path = write([post(1, "2026-03-02 10:00"), post(2, "2026-03-02 11:00")])
    assert ingest(opened, [str(path)]).rejected == 2
    assert write_rejects(opened, tmp_path / "rejected.jsonl") == 2
    first = json.loads((tmp_path / "rejected.jsonl").read_text(encoding="utf8").splitlines()[0])
    assert json.loads(first["record"])["text"] == post(1, "")["text"]
    assert ingest(opened, [str(path)], assume_zone=ZoneInfo("Asia/Shanghai")).new == 2
    assert opened.rows("SELECT local_at FROM posts WHERE id = '1'") == [(datetime(2026, 3, 2, 10),)]


def test_strict_takes_all_or_nothing(
    opened: Database, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 4)
    path = write([*quiet_month(1), post(99, "bald")])
    with pytest.raises(XinzhiError, match=r"posts.jsonl:13: 'bald' is not a date"):
        ingest(opened, [str(path)], strict=True)
    assert opened.rows("SELECT COUNT(*) FROM posts") == [(0,)]
    assert ingest(opened, [str(path)]).new == 12


def test_a_new_database_without_posts_is_not_left_behind(tmp_path: Path, write: Write) -> None:
    """Its zone would bind the next attempt."""
    path, bad = tmp_path / "new.duckdb", str(write([post(1, "昨天")]))
    for zone, files in (("UTC", [bad]), ("UTC", ["none.jsonl"]), ("Nowhere", [bad])):
        with (
            pytest.raises(XinzhiError),
            open_database(path, create=True, zone=zone) as opened,
        ):
            ingest(opened, files, strict=True)
        assert not path.exists()
    with open_database(path, create=True) as opened:
        assert ingest(opened, [bad]).rejected == 1
    with pytest.raises(XinzhiError), open_database(path, create=True) as opened:
        ingest(opened, [bad], strict=True)
    with open_database(path) as opened:
        assert len(opened.rows("SELECT * FROM rejects")) == 1


def test_tables_and_parquet(opened: Database, tmp_path: Path) -> None:
    rows = ["编号,发布时间,正文,topic,sentiment", "a1,2026/3/2 9:05,手机银行又崩了,支付,negative"]
    path = tmp_path / "posts.csv"
    path.write_text("\n".join(rows), encoding="utf8")
    fields = PostFields(id="编号", time="发布时间", text="正文")
    assert (
        ingest(opened, [str(path)], fields=fields, assume_zone=ZoneInfo("Asia/Shanghai")).new == 1
    )
    pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    parquet = tmp_path / "posts.parquet"
    sql = "SELECT 'b' || i AS id, TIMESTAMP '2026-03-02 10:00:00' + i * INTERVAL 1 HOUR AS time, "
    sql += "'文本' || i AS text, 'neutral' AS sentiment FROM range(3) AS t(i)"
    opened.rows(f"COPY ({sql}) TO '{parquet}'")
    assert ingest(opened, [str(parquet)], assume_zone=UTC).new == 3
    assert opened.rows("SELECT id, topic, sentiment FROM posts ORDER BY id")[0] == (
        *("a1", "支付", "negative"),
    )


def test_records_without_an_id_are_told_by_time_and_text(opened: Database, write: Write) -> None:
    records = [post(1, "2026-03-02T10:00Z"), post(2, "2026-03-02T10:00Z")]
    for record in records:
        del record["id"]
    path = write([*records, records[0]])
    report = ingest(opened, [str(path)])
    assert (report.new, report.known) == (2, 1)
    assert ingest(opened, [str(path)]).known == 3


@Language.component("moods")
def moods(doc: Doc) -> Doc:
    """Negative where a text says so; the topic under a head of its own."""
    bad = "失败" in doc.text
    doc.cats = {"sentiment/negative": 0.9 * bad + 0.05, "sentiment/neutral": 0.95 - 0.9 * bad}
    doc.cats |= {"topic/支付": 0.7, "topic/理财": 0.3}
    return doc


def test_a_pipeline_labels_only_what_is_new(opened: Database, write: Write) -> None:
    nlp = spacy.blank("zh")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "机构", "pattern": "云桥"}])  # type: ignore[attr-defined]
    nlp.add_pipe("moods")
    texts = ["云桥付款失败", "云桥上线新功能"]
    path = write([{"id": i, "time": "2026-03-02T10:00Z", "text": t} for i, t in enumerate(texts)])
    assert ingest(opened, [str(path)], pipeline=nlp).new == 2
    rows = opened.rows("SELECT sentiment, topic, sentiment_confidence, labelled_by FROM posts")
    assert [row[:2] for row in rows] == [("negative", "支付"), ("neutral", "支付")]
    assert rows[0][2] == pytest.approx(0.95)
    assert rows[0][3] == pipeline_name(nlp)
    assert opened.rows("SELECT surface FROM mentions") == [("云桥",), ("云桥",)]
    nlp.remove_pipe("moods")
    assert ingest(opened, [str(path)], pipeline=nlp).known == 2
    assert opened.rows("SELECT COUNT(*) FROM posts WHERE sentiment IS NULL") == [(0,)]


def test_copies_of_a_text_count_once_in_a_week(opened: Database, write: Write) -> None:
    spam = "加微信领取红包，先到先得，名额有限！"
    times = ["2026-03-02", "2026-03-03", "2026-03-09", "2026-03-25"]
    records = [post(i, f"{day}T10:00:00+08:00", spam) for i, day in enumerate(times)]
    records += [post(i, "2026-03-02T10:00:00+08:00", "退钱") for i in (10, 11)]
    ingest(opened, [str(write(records))])
    rows = opened.rows("SELECT id FROM unique_posts ORDER BY id")
    assert rows == [("0",), ("10",), ("11",), ("3",)]  # day 9 is within a week of day 3
    assert text_key("加微信领取红包,先到先得,名额有限!!") == text_key(spam)
    assert text_key("退钱！") == 0


def test_files_that_are_no_databases(tmp_path: Path) -> None:
    with pytest.raises(XinzhiError, match="There is no database"), open_database(tmp_path / "x.db"):
        pass
    (tmp_path / "text.db").write_text("kein DuckDB")
    with pytest.raises(XinzhiError, match="cannot be opened"), open_database(tmp_path / "text.db"):
        pass
    import duckdb

    duckdb.connect(str(tmp_path / "other.db")).execute("CREATE TABLE a (b INT)").close()
    with (
        pytest.raises(XinzhiError, match="not a database of the opinion monitor"),
        open_database(tmp_path / "other.db", create=True),
    ):
        pass
    with open_database(tmp_path / "mine.db", create=True, zone="Europe/Berlin"):
        pass
    with open_database(tmp_path / "mine.db") as database:
        assert database.zone.key == "Europe/Berlin"
    with pytest.raises(XinzhiError, match="Europe/Berlin"):  # noqa: SIM117
        with open_database(tmp_path / "mine.db", write=True, zone="UTC"):
            pass


CHILD = """
import sys
from pathlib import Path
from xinzhi.apps.monitor.database import open_database
from xinzhi.apps.monitor import ingest
ingest.BATCH = 200
with open_database(Path(sys.argv[1]), create=True) as database:
    print("open", flush=True)
    ingest.ingest(database, [sys.argv[2]])
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_in_the_middle_and_run_again(opened: Database, write: Write, tmp_path: Path) -> None:
    records = quiet_month(600, datetime(2020, 1, 6))
    records[700] = {**records[0], "text": "同一个编号，别的文字"}
    path, database = write(records), tmp_path / "killed.duckdb"
    ingest(opened, [str(path)])
    kills = 0
    for pause in (0.2, 0.7):
        command = [sys.executable, "-c", CHILD, str(database), str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "open\n"
            time.sleep(pause)
            if child.poll() is None:
                os.kill(child.pid, signal.SIGKILL)
                kills += 1
    assert kills
    with open_database(database, create=True) as again:
        part = again.rows("SELECT COUNT(*) FROM posts")[0][0]
        assert part % 200 in (0, 199)  # whole batches; one record is a conflict
        ingest(again, [str(path)])
        assert tables(again) == tables(opened)
        assert part < len(records) - 1
