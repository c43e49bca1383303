"""Written and read again, the records of every writable format are the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from xinzhi.corpora.export import fit, survey, writable_format
from xinzhi.corpora.formats import (
    FORMATS,
    ReadOptions,
    WritableFormat,
    WriteOptions,
    detect_format,
    read_records,
)
from xinzhi.corpora.record import Problem, Record, head_values

WRITABLE = sorted(n for n, f in FORMATS.get_all().items() if isinstance(f, WritableFormat))
HERE = Path("memory")
RECORDS = [
    Record(
        "a1",
        "一网通办🙂让我少跑了三趟👨‍👩‍👧",
        HERE,
        0,
        spans=[(0, 4, "服务"), (12, 13, "数"), (13, 18, "表情")],
        cats={"topic": "智慧城市", "aspects": ["价格", "服务"]},
        scores={"urgency": 0.25},
        meta={"来源": ["热线", 2], "n": "5"},
        annotator="小王",
    ),
    Record(
        17,
        "第二行\n有换行，  两个 空格\t和制表符。Hello World 2024",
        HERE,
        0,
        spans=[(0, 3, "A"), (2, 6, "跨行"), (19, 24, "EN/X"), (25, 30, "B_1")],
        cats={"topic": "A/B", "aspects": []},
        scores={"urgency": -1e-7},
        unknown=[(7, 9)],
    ),
    Record(
        "17",
        " 开头空格，half-width \u3000全角空格 “引号” 𠮷野家🍣 结尾 ",
        HERE,
        0,
        spans=[(1, 3, "X"), (28, 31, "店 名")],
        cats={"topic": "智慧城市"},
        meta={"x": None, "y": {"z": [1.5, True]}, "s": "true"},
    ),
    Record(
        "u",
        "#话题 C++ \\t _ * | [x] -> ; \u200b零宽",
        HERE,
        0,
        spans=[(0, 3, "话题"), (0, 3, "二"), (1, 3, "三"), (4, 7, "L[1]|;*")],
        cats={"aspects": {"价格": 0.3, "服务": 1.0}},
        scores={"urgency": 3.0},
    ),
    Record("v/w:1", "no entities here, \"quoted\", 'x'", HERE, 0, spans=[]),
    Record("n", "not annotated\r\n\x0b text 无标注", HERE, 0, cats={"topic": "智慧城市"}),
]


def content(record: Record, holds: frozenset[str]) -> dict[str, Any]:
    """All that must come back: gold values as label and value, however they were written."""
    return {
        "id": record.id if "id" in holds else None,
        "text": record.text,
        "spans": None if record.spans is None else sorted(record.spans),
        "cats": {
            head: {label: number for label, number in head_values(value) if number > 0}
            for head, value in record.cats.items()
        },
        "scores": record.scores,
        "meta": record.meta,
        "annotator": record.annotator,
        "unknown": record.unknown,
    }


def write_and_read(name: str, records: list[Record], path: Path) -> tuple[list[Any], list[Problem]]:
    """RETURNS (tuple): Pairs of what was written and what was read, and what was lost."""
    fmt = writable_format(name)
    head = ["topic"] if name == "fasttext" else []
    options = survey(records, WriteOptions(), head)
    fitting = [fit(record, fmt.holds, options)[0] for record in records]
    lost: list[Problem] = []
    fmt.write(fitting, path, options, lost.append)
    if path.is_file():
        assert detect_format(path).name == name
    gone = {problem.record_id for problem in lost if problem.kind == "error"}
    written = [content(r, fmt.holds) for r in fitting if r.id not in gone]
    items = list(read_records(path, ReadOptions(heads={"label": "topic"} if head else {})))
    assert all(isinstance(item, Record) for item in items), items
    read = [content(item, fmt.holds) for item in items if isinstance(item, Record)]
    for one in (written, read):  # a folder has its files in the order of their names
        one.sort(key=lambda record: record["text"])
    return list(zip(written, read, strict=True)), lost


def without(pairs: list[Any], *keys: str) -> list[Any]:
    return [
        tuple({k: v for k, v in one.items() if k not in keys} for one in pair) for pair in pairs
    ]


@pytest.mark.parametrize("name", WRITABLE)
def test_round_trip(name: str, tmp_path: Path) -> None:
    if name == "excel":
        pytest.importorskip("openpyxl")
    fmt = writable_format(name)
    pairs, lost = write_and_read(name, RECORDS, tmp_path / f"out{fmt.suffix}")
    for written, read in pairs:
        if written["spans"] is None and fmt.holds & {"entities", "unannotated"} == {"entities"}:
            written["spans"] = []  # the format cannot say it; `fit` lists it
        if name == "brat":  # its labels have no white space and no semicolons; it lists them
            written["spans"] = [s for s in written["spans"] if s[2] not in ("店 名", "L[1]|;*")]
        assert written == read
    expected = {"brat": 2, "fasttext": 4}
    assert len(lost) == expected.get(name, 0)
    assert len(pairs) == len(RECORDS) - (4 if name == "fasttext" else 0)


@pytest.mark.parametrize("scheme", ["BIO", "IOB1", "BIOES", "BILOU", "BMES"])
def test_every_tag_scheme_comes_back(scheme: str, tmp_path: Path) -> None:
    text = "李明王芳去青禾市"
    record = Record(1, text, HERE, 1, spans=[(0, 2, "人"), (2, 4, "人"), (5, 8, "地")])
    path = tmp_path / "tags.conll"
    writable_format("conll").write([record], path, WriteOptions(scheme=scheme), pytest.fail)
    (read,) = read_records(path)
    assert isinstance(read, Record)
    assert (read.text, read.spans) == (text, record.spans)


def test_columns_have_a_third_one_only_if_spaces_cannot_be_guessed(tmp_path: Path) -> None:
    fmt = writable_format("conll")
    plain = Record(1, "青禾市好🙂", HERE, 1, spans=[(0, 3, "地")])
    spaced = Record(2, "青禾 市", HERE, 2, spans=[])
    fmt.write([plain], tmp_path / "two.conll", WriteOptions(), pytest.fail)
    fmt.write([plain, spaced], tmp_path / "three.conll", WriteOptions(), pytest.fail)
    two, three = ((tmp_path / f"{n}.conll").read_text("utf8") for n in ("two", "three"))
    assert two.startswith("青\tB-地\n禾\tI-地\n")
    assert three.startswith("青\tSpaceAfter=No\tB-地\n")
    read = [item for item in read_records(tmp_path / "three.conll") if isinstance(item, Record)]
    assert [record.text for record in read] == [plain.text, spaced.text]


def test_edges_that_a_format_cannot_write_are_listed(tmp_path: Path) -> None:
    record = Record(1, "去 青禾 市", HERE, 1, spans=[(1, 4, "地"), (2, 4, "地")])
    for name in ("conll", "webanno"):
        lost: list[Problem] = []
        writable_format(name).write([record], tmp_path / name, WriteOptions(), lost.append)
        (problem,) = lost
        assert "[1, 4, '地'] begins or ends with white space" in problem.fact
