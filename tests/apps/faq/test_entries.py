"""Knowledge bases and queries from files, good and bad."""

from __future__ import annotations

from pathlib import Path

import pytest

from xinzhi.apps.faq import read_entries, read_queries
from xinzhi.errors import XinzhiError

from ..conftest import ENTRIES, WriteLines, record

FAQ = Path(__file__).parents[3] / "assets" / "faq"


def test_as_written(write_lines: WriteLines) -> None:
    path = write_lines(
        "\ufeff" + '{"id": 7, "question": "问", "answer": "答"}', "", record(ENTRIES[2])
    )
    first, second = read_entries(path)
    assert (first.id, first.intent, first.similar) == ("7", "", ())
    assert second == ENTRIES[2]
    assert second.wordings == ("城乡居民医保怎样参保缴费？", "医保在哪儿交")


def test_the_bundled_sample() -> None:
    entries = read_entries(FAQ / "faq.jsonl")
    known = {entry.id for entry in entries}
    queries = read_queries([FAQ / "queries.jsonl", FAQ / "out_of_scope.jsonl"], known)
    assert len(entries) == 96
    assert len({entry.intent for entry in entries}) == 12
    assert {query.entry for query in queries} == known | {""}
    assert len(queries) == 576 + 150


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "has no entries"),
        (["{"], "1: this is not JSON"),
        (["[]"], "1: this is no JSON object"),
        ([{"id": "a", "question": "q"}], "1: 'answer' is missing or empty"),
        ([{"id": "a", "question": " ", "answer": "b"}], "1: 'question' is missing or empty"),
        ([{"id": True, "question": "q", "answer": "b"}], "1: 'id' is missing or empty"),
        (
            ['{"id": "a", "question": "\\ud800", "answer": "b"}'],
            "'question' has half a character",
        ),
        ([{"id": "a", "question": "q", "answer": "b", "similar": "c"}], "'similar' is no list"),
        (
            [
                {"id": "a", "question": "q", "answer": "b"},
                "",
                {"id": "a", "question": "r", "answer": "c"},
            ],
            "3: the id 'a' is that of line 1, too",
        ),
    ],
)
def test_bad_entries(write_lines: WriteLines, lines: list[object], words: str) -> None:
    with pytest.raises(XinzhiError) as info:
        read_entries(write_lines(*lines))
    assert words in str(info.value)


def test_bad_queries(write_lines: WriteLines, tmp_path: Path) -> None:
    good = write_lines(
        {"text": "问", "faq_id": "a"}, {"text": "无", "kind": "other"}, name="g.jsonl"
    )
    assert [q.entry for q in read_queries([good], {"a"})] == ["a", ""]
    with pytest.raises(XinzhiError, match="1: there is no entry 'a'"):
        read_queries([good], {"b"})
    with pytest.raises(XinzhiError, match="has no queries"):
        read_queries([good, write_lines(name="empty.jsonl")], {"a"})
    with pytest.raises(XinzhiError, match="cannot be read"):
        read_entries(tmp_path / "none.jsonl")
    latin = tmp_path / "latin.jsonl"
    latin.write_bytes("问".encode("gbk"))
    with pytest.raises(XinzhiError, match="cannot be read"):
        read_entries(latin)
