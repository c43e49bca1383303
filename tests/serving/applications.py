"""A tiny knowledge base, database of posts, desk and recommender, to be served."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

from xinzhi.apps.faq import Embedder, Entry, Faq
from xinzhi.apps.monitor.database import open_database
from xinzhi.apps.monitor.ingest import ingest
from xinzhi.apps.recommend.recommender import Recommender
from xinzhi.apps.recommend.records import read_events, read_items
from xinzhi.apps.recommend.texts import Encode

from ..apps.recommend.conftest import QUICK, SAMPLE
from ..apps.recommend.conftest import encode as encode_items

ANSWERS = {
    "card": ("社保卡丢了怎么补办？", "带身份证到银行网点补办。"),
    "bus": ("公交线路怎么查询？", "打开地图应用，搜索线路。"),
    "tax": ("How do I file my tax return?", "Use the tax app."),
}


RULES = """sentiment_head: mood
rules:
  - name: angry
    when: {sentiment: 坏, words: ["！"]}
    route: person
    urgent: true
    say: 马上转人工。
  - name: not understood twice
    when: {not_answered: 2}
    route: person
  - name: answered
    when: {reply: [answer]}
    route: answer
  - name: the rest
    route: clarify
"""


def write_rules(path: Path, text: str = RULES) -> Path:
    """RETURNS (Path): The file of routing rules."""
    path.write_text(text, encoding="utf8")
    return path


def build_recommender(folder: Path, encode: Encode = encode_items) -> Path:
    """RETURNS (Path): The folder of a recommender of the bundled courses."""
    items = read_items(SAMPLE / "items.jsonl")
    events = read_events(SAMPLE / "events.jsonl", items)
    Recommender.train(items, events, encode, QUICK).save(folder)
    return folder


def build_index(folder: Path, encoder: Path, extra: str = "") -> Path:
    """RETURNS (Path): The folder of an index."""
    entries = [Entry(name, question, answer) for name, (question, answer) in ANSWERS.items()]
    if extra:
        entries.append(Entry("extra", extra, "新的答案"))
    Faq.build(folder, entries, Embedder.load(str(encoder)))
    return folder


def build_database(path: Path, days: int = 5) -> Path:
    """RETURNS (Path): A database with one post an hour."""
    posts = path.with_suffix(".jsonl")
    add_posts(path, posts, datetime(2026, 3, 2), 24 * days)
    return path


def add_posts(path: Path, posts: Path, start: datetime, count: int, text: str = "停车难") -> None:
    """Put so many posts into a database."""
    records = [
        {
            "id": f"{start}-{i}",
            "time": (start + timedelta(hours=i)).isoformat() + "+08:00",
            "text": f"{text}，第{i}次反映，{'甲乙丙丁戊己庚辛壬癸'[i % 10] * 3}{i * 7919}",
            "cats": {"topic": "停车", "sentiment": "negative" if i % 5 else "positive"},
        }
        for i in range(count)
    ]
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    posts.write_text("\n".join(lines), encoding="utf8")
    with open_database(path, create=True) as database:
        ingest(database, [str(posts)])
