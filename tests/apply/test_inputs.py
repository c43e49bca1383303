from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sys
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin

from xinzhi.apply.inputs import STDIN, Fields, Text, find_files, read_texts
from xinzhi.corpora.record import Problem
from xinzhi.errors import XinzhiError

TEXTS = ["一网通办真方便👨‍👩‍👧", "Ａ full width line", "第三行"]
FIELDS = Fields()


def texts_of(path: Path, fields: Fields = FIELDS) -> list[str]:
    items = list(read_texts([path], fields))
    assert not [item for item in items if isinstance(item, Problem)]
    return [item.text for item in items if isinstance(item, Text)]


@pytest.mark.parametrize(
    ("suffix", "opener"), [("", open), (".gz", gzip.open), (".bz2", bz2.open), (".xz", lzma.open)]
)
def test_lines_and_json_lines_also_compressed(tmp_path: Path, suffix: str, opener) -> None:
    txt, jsonl = tmp_path / f"a.txt{suffix}", tmp_path / f"a.jsonl{suffix}"
    with opener(txt, "wb") as file:
        file.write(("\ufeff" + "\r\n".join(TEXTS) + "\n\n").encode("utf8"))
    with opener(jsonl, "wb") as file:
        file.write("".join(json.dumps({"text": text}) + "\n" for text in TEXTS).encode("utf8"))
    assert texts_of(txt) == TEXTS
    assert texts_of(jsonl) == TEXTS


def test_tables_keep_their_other_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('nr,body,date\n7,"多行\n文本",2026-01-01\n,第二,\n', encoding="utf8")
    first, second = read_texts([path], Fields("body", "nr"))
    assert isinstance(first, Text)
    assert (first.id, first.text, first.meta) == ("7", "多行\n文本", {"date": "2026-01-01"})
    assert isinstance(second, Text)
    assert second.id == 2


def test_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    from datetime import date

    import pyarrow as arrow
    from pyarrow import parquet

    rows = [{"id": 5, "text": text, "day": date(2026, 1, 2)} for text in TEXTS]
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    items = list(read_texts([tmp_path / "a.parquet"], FIELDS))
    assert [item.text for item in items] == TEXTS
    assert items[0].meta == {"day": "2026-01-02"}


def test_docbin(tmp_path: Path) -> None:
    nlp = spacy.blank("zh")
    docs = [nlp(text) for text in TEXTS]
    docs[0].user_data["record"] = {"id": "x", "meta": {"a": 1}}
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "a.spacy")
    first, second, _ = read_texts([tmp_path / "a.spacy"], FIELDS)
    assert (first.id, first.meta, first.text) == ("x", {"a": 1}, TEXTS[0])
    assert second.id == 2


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = b'{"id": 3, "text": "a"}\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    (item,) = read_texts([STDIN], FIELDS)
    assert (item.id, item.text) == (3, "a")


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        (b"{broken", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"id": "x"}', "no text in the field 'text'"),
        (b'{"text": 5}', "no text in the field 'text'"),
        (b'{"text": "\\ud800"}', "the text holds a lone surrogate"),
        (b'{"text": "\xff"}', "not UTF-8"),
        (b"[" * 100_000, "not JSON"),
        (b'{"text": "a", "more": ' + b"[" * 200 + b"]" * 200 + b"}", "more than 100 deep"),
        (b'{"text": "a", "more": "\\ud800"}', "another field holds"),
        (b'{"text": "a", "\\ud800": 1}', "another field holds"),
        (b'{"id": "\\ud800", "text": "a"}', "the field 'id' holds"),
    ],
)
def test_a_bad_line_costs_no_other(tmp_path: Path, line: bytes, fact: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "a"}\n' + line + b'\n{"text": "b"}\n')
    before, bad, after = read_texts([path], FIELDS)
    assert (before.text, after.text) == ("a", "b")
    assert isinstance(bad, Problem)
    assert bad.line == 2
    assert fact in bad.fact


def test_a_file_that_ends_early_gives_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "a.txt.gz"
    with gzip.open(path, "wb") as file:
        file.write(b"".join(f"line {i} {i * 7919}\n".encode() for i in range(20_000)))
    path.write_bytes(path.read_bytes()[:-2000])
    items = list(read_texts([path, path], FIELDS))
    assert len(items) > 2000
    assert isinstance(items[-1], Problem)
    assert sum(isinstance(item, Problem) for item in items) == 2


def test_other_columns_and_files(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("nr,body\n1,a\n", encoding="utf8")
    (tmp_path / "b.spacy").write_bytes(b"no")
    missing, damaged = read_texts([tmp_path / "a.csv", tmp_path / "b.spacy"], FIELDS)
    assert "no column 'text'" in missing.fact
    assert "cannot be read" in damaged.fact or "not a DocBin" in damaged.fact


def test_files_are_named_by_folder_and_glob(tmp_path: Path) -> None:
    (tmp_path / ".out.jsonl.parts").mkdir()
    for name in ("b.txt", "a.txt", "c.jsonl", ".hidden", ".out.jsonl.parts/000001.jsonl"):
        (tmp_path / name).write_text("x\n", encoding="utf8")
    assert [p.name for p in find_files([str(tmp_path)])] == ["a.txt", "b.txt", "c.jsonl"]
    found = find_files([str(tmp_path / "c.jsonl"), str(tmp_path / "*.txt")])
    assert [p.name for p in found] == ["c.jsonl", "a.txt", "b.txt"]
    with pytest.raises(XinzhiError, match="no file"):
        find_files([str(tmp_path / "*.csv")])
    (tmp_path / "d.pdf").touch()
    with pytest.raises(XinzhiError, match="files of this kind"):
        find_files([str(tmp_path)])


def test_a_bad_row_costs_no_other(tmp_path: Path) -> None:
    """Not UTF-8, too many cells, no text, an end within quotes; a long cell is none."""
    long = "长" * 200_000
    rows = [b"1,good", b"2,\xff", b"3,a,b", b"4", f'5,"{long}"'.encode(), b'6,"two\nlines"', b'7,"']
    (tmp_path / "A.CSV").write_bytes(b"id,text\n" + b"\n".join(rows))
    items = list(read_texts([tmp_path / "A.CSV"], FIELDS))
    texts = [item for item in items if isinstance(item, Text)]
    assert [text.text for text in texts] == ["good", long, "two\nlines"]
    bad = [(item.line, item.fact) for item in items if isinstance(item, Problem)]
    assert [line for line, _ in bad] == [3, 4, 5, 9]
    assert "not UTF-8" in bad[0][1]
    assert "unexpected end of data" in bad[3][1]


def test_tabs_in_a_file_with_a_suffix_in_capitals(tmp_path: Path) -> None:
    (tmp_path / "A.TSV").write_text("id\ttext\n1\ta,b\n", encoding="utf8")
    assert texts_of(tmp_path / "A.TSV") == ["a,b"]


def test_damaged_files_are_problems(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    packed = gzip.compress(b"".join(f"line {i} {i * 7919}\n".encode() for i in range(3000)))
    (tmp_path / "a.txt.gz").write_bytes(packed[:3000] + b"\x00\xff" * 100 + packed[3200:])
    (tmp_path / "b.parquet").write_bytes(b"")
    (tmp_path / "c.spacy").write_bytes(gzip.compress(b"x"))
    for path in sorted(tmp_path.iterdir()):
        *_, last = read_texts([path], FIELDS)
        assert isinstance(last, Problem), path


def test_a_column_that_is_not_in_a_parquet_file_is_said_once(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    arrow = pytest.importorskip("pyarrow")
    parquet.write_table(arrow.table({"body": ["a", "b"]}), tmp_path / "a.parquet")
    (problem,) = read_texts([tmp_path / "a.parquet"], FIELDS)
    assert "no column 'text'" in problem.fact
