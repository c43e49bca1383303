"""JSON Lines: what is read, and what each kind of bad line says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from xinzhi.corpora.formats import AUTO, FORMATS, detect_format, read_records
from xinzhi.corpora.formats.jsonl import JSONL
from xinzhi.corpora.record import Problem, Record
from xinzhi.errors import XinzhiError

ReadOne = Callable[[str | bytes], Record | Problem]


@pytest.fixture
def read_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReadOne:
    """Read one line as the seventh of a file."""
    monkeypatch.chdir(tmp_path)

    def read(line: str | bytes) -> Record | Problem:
        raw = line if isinstance(line, bytes) else line.encode("utf8")
        path = Path("数据.jsonl")
        path.write_bytes("{智}\n".encode() * 6 + raw)
        return list(JSONL.read(path, AUTO))[6]

    return read


def test_every_field_is_read(read_one: ReadOne):
    line = {
        "id": "a1",
        "text": "智慧城市🙂",
        "label": [[0, 4, "主题"]],
        "cats": {"topic": "城市", "aspects": ["价格", "服务"], "soft": {"x": 0.25, "y": 1}},
        "scores": {"urgency": 3},
        "meta": {"来源": ["热线", 2]},
    }
    record = read_one(json.dumps(line))
    assert isinstance(record, Record)
    assert (record.id, record.text, record.line) == ("a1", "智慧城市🙂", 7)
    assert record.spans == [(0, 4, "主题")]
    assert record.cats == {
        "topic": "城市",
        "aspects": ["价格", "服务"],
        "soft": {"x": 0.25, "y": 1.0},
    }
    assert record.scores == {"urgency": 3.0}
    assert record.meta == {"来源": ["热线", 2]}
    assert record.ignored == []


def test_absent_annotation_is_missing_and_empty_annotation_is_none(read_one: ReadOne):
    absent, null = read_one('{"text": "x"}'), read_one('{"text": "x", "label": null, "cats": null}')
    empty = read_one('{"text": "x", "label": []}')
    assert isinstance(absent, Record)
    assert isinstance(null, Record)
    assert isinstance(empty, Record)
    assert absent.spans is None
    assert null.spans is None
    assert empty.spans == []
    assert absent.cats == null.cats == {}
    assert absent.id == 7  # the line


def test_entities_is_another_name_for_label_and_other_fields_are_noted(read_one: ReadOne):
    record = read_one('{"text": "Acme", "entities": [[0, 4, "ORG"]], "tokens": [], "Comments": []}')
    assert isinstance(record, Record)
    assert record.spans == [(0, 4, "ORG")]
    assert record.ignored == ["Comments", "tokens"]


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        ('{"text": "x"', "malformed JSON: Expecting ',' delimiter, column"),
        ("[" * 100_000, "malformed JSON"),
        ('{"text": "x", "scores": {"a": NaN}}', "NaN is not a JSON number"),
        ('["text"]', "expected a JSON object, found a list"),
        ("{}", "the text is missing"),
        ('{"text": null}', "the text is missing"),
        ('{"text": ""}', "the text is empty"),
        ('{"text": 5}', "'text' must be a string, found a number"),
        ('{"id": 1.5, "text": "x"}', "'id' must be a string or an integer"),
        ('{"id": true, "text": "x"}', "'id' must be a string or an integer"),
        ('{"id": 99999999999999999999, "text": "x"}', "more than 64 bits"),
        ('{"text": "x", "label": {}}', "'label' must be a list of [start, end, label]"),
        ('{"text": "x", "label": [["0", 1, "A"]]}', 'found ["0", 1, "A"]'),
        ('{"text": "x", "label": [[0, 1.0, "A"]]}', "two integers"),
        ('{"text": "x", "label": [[false, true, "A"]]}', "two integers"),
        ('{"text": "x", "label": [[0, 1, ""]]}', "two integers"),
        ('{"text": "x", "label": [[0, 1]]}', "found [0, 1]"),
        ('{"text": "x", "label": [], "entities": []}', "both 'label' and 'entities'"),
        ('{"text": "x", "cats": "a"}', "'cats' must be an object, found a string"),
        ('{"text": "x", "cats": {"t": 1}}', "head 't' must be a label"),
        ('{"text": "x", "cats": {"t": ""}}', "head 't' must be a label"),
        ('{"text": "x", "cats": {"t": {"a": 1.5}}}', "a value from 0 to 1"),
        ('{"text": "x", "cats": {"t": ["a", "a"]}}', "head 't' names a label twice"),
        ('{"text": "x", "cats": {"t": "a", "t": "b"}}', "the key 't' occurs twice"),
        ('{"text": "x", "scores": {"s": "high"}}', "score 's' must be a number, found a string"),
        ('{"text": "x", "meta": []}', "'meta' must be an object, found a list"),
        ('{"text": "half \\ud83d"}', "a lone surrogate"),
        ('{"text": "智慧"}'.encode("gb18030"), "not UTF-8 (byte 0xd6 at position 10)"),
    ],
)
def test_bad_line(read_one: ReadOne, line, fact):
    problem = read_one(line)
    assert isinstance(problem, Problem)
    assert fact in problem.fact
    assert str(problem).startswith("数据.jsonl:7")


def test_problem_names_the_record(read_one: ReadOne):
    assert "(record a9)" in str(read_one('{"id": "a9"}'))


def test_bom_blank_lines_and_crlf_are_fine(tmp_path):
    path = tmp_path / "bom.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "a\\r\\nb"}\r\n\r\n  \n{"text": "c"}')
    records = list(JSONL.read(path, AUTO))
    assert [(r.line, r.text) for r in records if isinstance(r, Record)] == [(1, "a\r\nb"), (4, "c")]
    assert len(records) == 2


@pytest.mark.parametrize(
    ("content", "fact"),
    [(b"", "the file is empty"), (b"\n \n", "only blank lines"), (b"\xef\xbb\xbf", "blank lines")],
)
def test_file_without_records(tmp_path, content, fact):
    path = tmp_path / "empty.jsonl"
    path.write_bytes(content)
    [problem] = read_records(path)
    assert isinstance(problem, Problem)
    assert fact in problem.fact


def test_missing_file_and_directory(tmp_path):
    [missing] = read_records(tmp_path / "nowhere.jsonl")
    [folder] = read_records(tmp_path)
    assert "no such file" in str(missing)
    assert "the folder is empty" in str(folder)


def test_formats_are_found_through_entry_points(tmp_path):
    assert {"jsonl", "docbin"} <= set(FORMATS.get_all())
    by_content = tmp_path / "export.json"
    by_content.write_text('\ufeff {"text": "x"}', encoding="utf8")
    assert detect_format(by_content).name == "jsonl"


def test_unknown_format_names_the_known_ones(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("只有文字，没有标注。\n第二行\n", encoding="utf8")
    with pytest.raises(XinzhiError, match=r"not recognised(.|\n)*--from(.|\n)*docbin.*jsonl"):
        detect_format(path)
    [problem] = read_records(path)
    assert "not recognised" in str(problem)
    assert str(problem).count(str(path)) == 1
