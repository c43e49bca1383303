"""Offsets in other units: found out on real texts, and repaired exactly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinzhi.corpora.offsets import (
    AS_IS,
    INCLUSIVE,
    OTHERS,
    READINGS,
    Evidence,
    Reading,
    makes_sense,
    parse_reading,
)
from xinzhi.corpora.record import Record
from xinzhi.errors import XinzhiError

SMARTCITY = Path(__file__).parents[2] / "assets" / "smartcity" / "train.jsonl"


def count(text: str, start: int, end: int, reading: Reading) -> tuple[int, int]:
    """Offsets as a tool of that kind writes them."""
    code, size = {"utf-16": ("utf-16-le", 2), "bytes": ("utf8", 1)}.get(
        reading.unit, ("utf-32-le", 4)
    )
    first, last = (len(text[:i].encode(code)) // size for i in (start, end))
    return first, last - reading.inclusive


def rewrite(record: Record, reading: Reading, prefix: str = "") -> Record:
    text = prefix + record.text
    spans = [
        (*count(text, start + len(prefix), end + len(prefix), reading), label)
        for start, end, label in record.spans or ()
    ]
    return Record(record.id, text, record.source, record.line, spans)


def smartcity() -> list[Record]:
    records = []
    with SMARTCITY.open(encoding="utf8") as file:
        for number, line in enumerate(file, start=1):
            fields = json.loads(line)
            spans = [tuple(span) for span in fields["label"]]
            records.append(Record(number, fields["text"], SMARTCITY, number, spans))
    return records


@pytest.mark.parametrize("reading", [AS_IS, *OTHERS], ids=str)
def test_units_of_real_texts_are_found_out(reading: Reading):
    evidence, records = Evidence(), smartcity()
    for number, record in enumerate(records):
        evidence.add(rewrite(record, reading, "🙂👍🏽" * (number % 3)))
    assert evidence.best() == reading
    assert evidence.to_dict()["reading"] == str(reading)


@pytest.mark.parametrize(
    ("text", "spans", "expected"),
    [
        # the data of explosion/spaCy#6240: every end one too small
        ("I like London and Paris.", [(7, 12), (18, 22)], INCLUSIVE),
        ("I like London and Paris.", [(7, 13), (18, 23)], AS_IS),
        ("🙂🙂🙂 I like London and Paris.", [(14, 20), (25, 30)], Reading("utf-16")),
        ("我喜欢🙂北京", [(5, 7)], Reading("utf-16")),
        ("Zoë likes Zürich.", [(11, 18)], Reading("bytes")),
        ("", [], AS_IS),
    ],
)
def test_a_few_spans(text, spans, expected):
    evidence = Evidence()
    evidence.add(Record(1, text, Path("x"), 1, [(*span, "X") for span in spans]))
    assert evidence.best() == expected


def test_words_that_the_file_gives_decide():
    text, span = "我🙂喜欢北京和上海", (5, 7, "X")
    evidence = Evidence()
    evidence.add(Record(1, text, Path("x"), 1, [span], surfaces={span: "北京"}))
    assert evidence.best() == Reading("utf-16")
    evidence = Evidence()
    evidence.add(Record(1, text, Path("x"), 1, [span], surfaces={span: "京和"}))
    assert evidence.best() == AS_IS


TEXTS = st.text(st.sampled_from("北京 aé🙂👨\u200d\u0301"), min_size=1, max_size=20)


@given(TEXTS, st.integers(0, 30), st.integers(0, 30), st.sampled_from(OTHERS))
def test_repaired_offsets_are_the_original_ones(text, one, two, reading):
    start, end = sorted((one % len(text), two % len(text) + 1))
    if start == end:
        end += 1
    assert reading.apply(text, *count(text, start, end, reading)) == (start, end)


@pytest.mark.parametrize(
    ("reading", "start", "end"),
    [
        (Reading("utf-16"), 0, 2),  # inside the emoji
        (Reading("utf-16"), 2, 4),
        (Reading("utf-16"), 0, 9),
        (Reading("bytes"), 1, 3),
        (Reading("bytes"), -3, 3),
        (AS_IS, 2, 2),
        (INCLUSIVE, 1, 3),
    ],
)
def test_offsets_that_mean_nothing(reading: Reading, start: int, end: int):
    assert reading.apply("北🙂京", start, end) is None


@pytest.mark.parametrize(
    ("text", "span", "expected"),
    [
        ("去北京。", (1, 3), True),
        ("去北京。", (1, 4), False),
        ("London, now", (0, 6), True),
        ("London, now", (0, 5), False),
        ("3号楼A座", (0, 3), True),
        ("买iPhone 15吧", (1, 10), True),
        ("买iPhone 15吧", (1, 9), False),
    ],
)
def test_what_makes_sense(text, span, expected):
    assert makes_sense(text, span) is expected


def test_names_of_readings():
    assert list(READINGS) == ["utf-16", "bytes", "utf-16-inclusive", "bytes-inclusive", "inclusive"]
    assert parse_reading("inclusive") == INCLUSIVE
    with pytest.raises(XinzhiError, match="Use one of utf-16"):
        parse_reading("utf-32")
