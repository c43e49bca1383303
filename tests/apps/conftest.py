from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xinzhi.apps.faq import Embedder, Entry, Faq, Query

ENTRIES = [
    Entry("公积金-1", "租房怎么提取住房公积金？", "在青禾通App签承诺书，1个工作日到账。", "公积金"),
    Entry("公积金-2", "公积金贷款额度怎么算？", "按账户余额的15倍计算，最高80万元。", "公积金"),
    Entry(
        "医保-1",
        "城乡居民医保怎样参保缴费？",
        "每年9月至12月在App缴费。",
        "医保",
        ("医保在哪儿交",),
    ),
    Entry("医保-2", "医保卡丢了怎么补办？", "先打电话挂失，再到窗口补卡。", "医保"),
    Entry("停车-1", "路边停车泊位怎么付停车费？", "输入车牌付款，或扫泊位二维码。", "停车"),
    Entry("en-1", "How do I renew my library card?", "Online, or at the front desk.", "library"),
]
QUERIES = [
    Query("租房子能取公积金吗", "公积金-1"),
    Query("房租想用公积金付", "公积金-1"),
    Query("公积金最多能贷多少", "公积金-2"),
    Query("买房公积金贷款有多少额度", "公积金-2"),
    Query("给爸妈交医保", "医保-1"),
    Query("医保几月份交", "医保-1"),
    Query("医保卡找不到了", "医保-2"),
    Query("卡丢了，医保的", "医保-2"),
    Query("路边停车钱怎么付", "停车-1"),
    Query("停车费扫码", "停车-1"),
    Query("renew library card please", "en-1"),
    Query("my library card has expired", "en-1"),
    Query("在吗在吗", kind="chitchat"),
    Query("哈哈哈哈", kind="chitchat"),
    Query("给我讲个笑话", kind="chitchat"),
    Query("护照去哪换", kind="other"),
    Query("红烧肉怎么做", kind="other"),
    Query("明天下雨吗", kind="other"),
]
WriteLines = Callable[..., Path]


@pytest.fixture(scope="session")
def embedder(tiny_encoder: Callable[..., Path]) -> Embedder:
    return Embedder.load(str(tiny_encoder()))


@pytest.fixture(scope="session")
def built(embedder: Embedder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faq") / "知识 库"
    Faq.build(folder, ENTRIES, embedder, QUERIES).store.close()
    return folder


@pytest.fixture
def index(built: Path, tmp_path: Path) -> Path:
    """A copy of an index, to change."""
    return Path(shutil.copytree(built, tmp_path / "index"))


@pytest.fixture
def write_lines(tmp_path: Path) -> WriteLines:
    """A function that writes records as JSON Lines; strings as they are."""

    def write(*records: dict[str, Any] | str, name: str = "lines.jsonl") -> Path:
        path = tmp_path / name
        lines = [r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in records]
        path.write_text("\n".join(lines) + "\n", encoding="utf8")
        return path

    return write


def record(entry: Entry) -> dict[str, Any]:
    return {**vars(entry), "similar": list(entry.similar)}
