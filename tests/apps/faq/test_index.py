"""An index answers, changes without a rebuild, and refuses what would spoil it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from xinzhi.apps.faq import Embedder, Entry, Faq
from xinzhi.apps.faq.index import CLOSE, STORE, decide
from xinzhi.errors import XinzhiError

from ..conftest import ENTRIES, QUERIES

NEW = Entry("护照-1", "护照到期了去哪里换新护照？", "到出入境大厅。", "出入境")


def test_a_reply_is_plain_data_and_its_probabilities_sum_to_1(built: Path) -> None:
    faq = Faq.load(built)
    reply = faq.ask("租房怎么提取住房公积金", k=20)
    assert json.loads(json.dumps(reply, ensure_ascii=False)) == reply
    assert reply["answers"][0]["id"] == "公积金-1"
    assert reply["answers"][0]["answer"] == ENTRIES[0].answer
    values = [answer["probability"] for answer in reply["answers"]]
    assert values == sorted(values, reverse=True)
    assert sum(values) + reply["none"] == pytest.approx(1.0)
    assert len(faq.ask("公积金", k=2)["answers"]) == 2
    with pytest.raises(XinzhiError, match="k = 0"):
        faq.ask("公积金", k=0)


@pytest.mark.parametrize("text", ["", "  \n", "？！", "😀", "x" * 5000, "\ud800医保", '" OR *'])
def test_any_text_gets_a_reply(built: Path, text: str) -> None:
    reply = Faq.load(built).ask(text)
    assert reply["decision"] in ("answer", "clarify", "none")
    if not text.strip():
        assert reply == {"decision": "none", "answers": [], "none": 1.0}


def test_one_by_one_as_all_at_once(built: Path) -> None:
    faq = Faq.load(built)
    texts = [query.text for query in QUERIES]
    together = faq.ask_all(texts)
    for text, reply in zip(texts, together, strict=True):
        alone = faq.ask(text)
        assert [a["id"] for a in alone["answers"]] == [a["id"] for a in reply["answers"]]
        assert alone["none"] == pytest.approx(reply["none"], abs=0.02)  # bf16


@pytest.mark.parametrize(
    ("probabilities", "none", "decision"),
    [
        ([0.9, 0.05], 0.05, "answer"),
        ([0.4, 0.4 * CLOSE - 0.01], 0.2, "answer"),
        ([0.4, 0.4 * CLOSE], 0.2, "clarify"),
        ([0.4, 0.3], 0.31, "none"),
        ([0.7], 0.3, "answer"),
    ],
)
def test_decisions(probabilities: list[float], none: float, decision: str) -> None:
    assert decide(probabilities, none, threshold=0.3) == decision


def test_added_and_removed_entries_are_as_in_a_new_index(
    index: Path, embedder: Embedder, tmp_path: Path
) -> None:
    faq, other = Faq.load(index), Faq.load(index)
    faq.add([NEW])
    assert faq.ask("护照到期了去哪里换")["answers"][0]["id"] == "护照-1"
    faq.remove(["医保-1"])
    assert "医保-1" not in {answer["id"] for answer in faq.ask("医保怎样缴费", 20)["answers"]}
    fresh = Faq.build(
        tmp_path / "fresh",
        [entry for entry in [*ENTRIES, NEW] if entry.id != "医保-1"],
        embedder,
        [query for query in QUERIES if query.entry != "医保-1"],
    )
    fresh.ranker = faq.ranker
    for text in ("护照到期了", "停车费", "医保卡丢了", "hello"):
        mine, its = faq.ask(text), fresh.ask(text)
        assert [a["id"] for a in mine["answers"]] == [a["id"] for a in its["answers"]]
        assert mine["none"] == pytest.approx(its["none"], abs=1e-6)
    assert other.ask("护照到期了去哪里换")["answers"][0]["id"] == "护照-1", "it notices changes"


def test_replaced(index: Path) -> None:
    faq = Faq.load(index)
    changed = Entry("公积金-1", "租房怎么提取住房公积金？", "现在要三天。", "公积金")
    with pytest.raises(XinzhiError, match="'公积金-1' is there already; nothing was added"):
        faq.add([NEW, changed])
    assert set(Faq.load(index).entries) == {entry.id for entry in ENTRIES}
    faq.add([changed], replace=True)
    (reply,) = Faq.load(index).ask_all(["租房子能取公积金吗"], 1)
    assert reply["answers"][0]["answer"] == "现在要三天。"
    assert len(faq.entries) == len(ENTRIES)


def test_nothing_is_half_removed_or_half_added(index: Path) -> None:
    faq = Faq.load(index)
    before = faq.ask("医保卡")
    with pytest.raises(XinzhiError, match="no entry '没有'; nothing was removed"):
        faq.remove(["医保-2", "没有"])
    with pytest.raises(XinzhiError, match="Two entries have the id '护照-1'"):
        faq.add([NEW, NEW])
    assert Faq.load(index).ask("医保卡") == faq.ask("医保卡") == before


def test_locked_by_another_process(index: Path) -> None:
    faq = Faq.load(index)
    faq.store.connection.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(index / STORE)
    other.execute("BEGIN IMMEDIATE")
    for change in (lambda: faq.remove(["医保-2"]), lambda: faq.add([Entry("n", "问", "答")])):
        with pytest.raises(XinzhiError, match="is being changed by another process"):
            change()
    other.close()
    faq.remove(["医保-2"])
    assert len(Faq.load(index).entries) == len(ENTRIES) - 1


def test_all_entries_can_go_and_come_back(index: Path) -> None:
    faq = Faq.load(index)
    faq.remove([entry.id for entry in ENTRIES])
    assert faq.ask("医保")["decision"] == "none"
    assert Faq.load(index).ask("医保")["answers"] == []
    faq.add(ENTRIES[:1])
    assert faq.ask("租房怎么提取住房公积金")["answers"][0]["id"] == "公积金-1"


def test_an_index_with_the_encoder_of_another(
    index: Path, tiny_encoder: Callable[..., Path], tmp_path: Path
) -> None:
    other = Embedder.load(str(tiny_encoder(seed=1)))
    Faq.build(tmp_path / "other", ENTRIES, other)
    shutil.copy(tmp_path / "other" / "encoder.safetensors", index)
    with pytest.raises(XinzhiError, match="another encoder"):
        Faq.load(index)


def test_damaged_or_no_index(index: Path, tmp_path: Path, embedder: Embedder) -> None:
    with pytest.raises(XinzhiError, match="There is no index"):
        Faq.load(tmp_path / "nowhere")
    (index / "ranker.json").write_text("{}", encoding="utf8")
    with pytest.raises(XinzhiError, match=r"ranker\.json is missing or damaged"):
        Faq.load(index)
    (index / "faq.db").write_text("no database at all, but long enough" * 99, encoding="utf8")
    with pytest.raises(XinzhiError, match="damaged"):
        Faq.load(index)
    (tmp_path / "mine").mkdir()
    with pytest.raises(XinzhiError, match="is no index"):
        Faq.build(tmp_path / "mine", ENTRIES, embedder)


def test_a_build_that_fails_leaves_the_index_as_it_was(index: Path, embedder: Embedder) -> None:
    before = Faq.load(index).ask("医保卡")
    with pytest.raises(XinzhiError, match="no entries"):
        Faq.build(index, [], embedder)
    with pytest.raises(XinzhiError, match="Two entries have the id"):
        Faq.build(index, [ENTRIES[0], ENTRIES[0]], embedder)
    assert Faq.load(index).ask("医保卡") == before


def test_without_queries_and_with_one_entry(embedder: Embedder, tmp_path: Path) -> None:
    plain = Faq.build(tmp_path / "plain", ENTRIES, embedder)
    assert plain.ask("医保卡丢了怎么补办")["answers"][0]["id"] == "医保-2"
    single = Faq.build(tmp_path / "single", ENTRIES[:1], embedder)
    assert [answer["id"] for answer in single.ask("公积金")["answers"]] == ["公积金-1"]


def test_the_store_is_one_transaction(index: Path) -> None:
    """An entry without its vectors cannot be seen by another process."""
    faq = Faq.load(index)
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        faq.store.add([NEW], zip([("护照-1", 0, "a")], np.zeros((0, 2)), strict=True), False)  # type: ignore[arg-type]
    db = sqlite3.connect(index / "faq.db")
    assert db.execute("SELECT COUNT(*) FROM entries").fetchone() == (len(ENTRIES),)
    db.close()
