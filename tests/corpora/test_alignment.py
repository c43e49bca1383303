"""Spans on tokens: which fit, and what is suggested for those that do not."""

from __future__ import annotations

from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.vocab import Vocab

from xinzhi.corpora.alignment import (
    BOUNDARY,
    INCLUSIVE,
    NOTHING,
    TRIM,
    UNCLEAN,
    align,
    fit,
    is_invisible,
    suggest,
)
from xinzhi.corpora.docbin import MISSING, entity_tags
from xinzhi.corpora.record import Record
from xinzhi.corpora.tokens import Tokens, tokeniser

ZH, EN = tokeniser(spacy.blank("zh")), tokeniser(spacy.blank("en"))


def make_record(text: str, *spans: tuple[int, int, str]) -> Record:
    return Record(id="r1", text=text, source=Path("x.jsonl"), line=3, spans=list(spans))


@pytest.mark.parametrize(
    ("nlp", "text", "span", "expected"),
    [
        (EN, "I like London.", (7, 12), ((7, 13), INCLUSIVE)),
        (EN, "I like London.", (6, 13), ((7, 13), TRIM)),
        (EN, "I like London.", (6, 14), ((7, 14), TRIM)),
        (EN, "I like London.", (8, 11), ((7, 13), BOUNDARY)),
        (EN, "New Yorkers came", (0, 8), ((0, 11), BOUNDARY)),
        (EN, "New Yorkers came", (0, 5), ((0, 3), BOUNDARY)),
        (EN, "a  b", (1, 3), (None, NOTHING)),
        (EN, "\u200bLondon calls", (1, 7), (None, UNCLEAN)),
        (ZH, "在 北京 开会", (1, 5), ((2, 4), TRIM)),
        (ZH, "去\u200b北京\ufeff吧", (1, 5), ((2, 4), TRIM)),
        (ZH, "去\xa0北京\u3000吧", (1, 5), ((2, 4), TRIM)),
        (ZH, "北京\r\n上海", (0, 3), ((0, 2), TRIM)),
        (ZH, "去\u200b吧", (1, 2), (None, NOTHING)),
    ],
)
def test_misaligned_spans_and_suggestions(nlp, text, span, expected):
    assert fit(nlp(text), text, *span) is None
    assert suggest(nlp(text), text, *span) == expected


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("北\u200b京烤鸭", (0, 3)),  # zero width inside
        ("家庭👨‍👩‍👧套餐", (2, 7)),  # emoji with zero-width joiners
        ("👨‍👩‍👧", (0, 5)),
        ("ＡＢＣ１２３号楼", (0, 6)),
        ("旗帜🏴󠁧󠁢󠁥󠁮󠁧󠁿", (2, 9)),  # ends with a tag character
        ("鲁石化a 19.11", (0, 4)),
        ("共㎏秤", (1, 2)),
    ],
)
def test_chinese_spans_that_fit(text, span):
    tokens = ZH(text)
    kept, misaligned = align(tokens, make_record(text, (*span, "X")))
    assert misaligned == []
    [(first, last, label)] = kept
    assert (tokens.starts[first], tokens.ends[last - 1], label) == (*span, "X")


def test_inclusive_ends_on_chinese_words():
    """The data of explosion/spaCy#5112: inclusive ends, words as tokens, nothing aligned."""
    texts = {
        ("谁", "是", "毛泽东", "？"): [(2, 4)],
        ("他", "不是", "毛泽东", "？"): [(3, 5)],
        ("我", "喜欢", "北京", "和", "武汉"): [(3, 4), (6, 7)],
    }
    suggestions = []
    for words, spans in texts.items():
        tokens = Tokens.of(Doc(Vocab(), words=list(words), spaces=[False] * len(words)))
        record = make_record(tokens.text, *((start, end, "X") for start, end in spans))
        kept, misaligned = align(tokens, record)
        assert kept == []
        suggestions += [(m.suggestion, m.reason) for m in misaligned]
    assert suggestions == [
        ((2, 5), INCLUSIVE),
        ((3, 6), INCLUSIVE),
        ((3, 5), INCLUSIVE),
        ((6, 8), INCLUSIVE),
    ]


def test_report_of_a_misaligned_span_shows_invisible_characters():
    text = "今天去\u200b北京大学参加一个很长的会议"
    _, [item] = align(ZH(text), make_record(text, (3, 8, "地点")))
    assert item.window == "今天去⟦\u200b北京大学⟧参加一个很长的会议"
    assert item.repr == "'今天去⟦\\u200b北京大学⟧参加一个很长的会议'"
    assert item.suggestion == (4, 8)
    message = str(item)
    assert message.startswith("x.jsonl:3 (record r1): span [3, 8, '地点']")
    assert "use [4, 8]" in message
    assert item.to_dict()["record"] == "r1"


def test_tokens_of_misaligned_spans_are_missing():
    text = "iPhone12Pro sold"
    tokens, record = EN(text), make_record(text, (0, 6, "A"), (6, 11, "B"))
    kept, misaligned = align(tokens, record)
    tags = entity_tags(tokens, record, kept, misaligned)
    assert [word for word, tag in zip(tokens.words, tags, strict=True) if tag == MISSING] == [
        "iPhone12Pro"
    ]


def test_invisible():
    assert all(is_invisible(char) for char in " \t\n\x00\xa0\u200b\u200d\u2028\u3000\ufeff")
    assert not any(is_invisible(char) for char in "a中，１🙂\u0301\ufe0f\ufffd")


TEXTS = st.text(
    alphabet=st.one_of(st.sampled_from(" \r\n\u200b\u200d\ufeff\u3000ab1１.,中文，👨👩é\u0301"))
    | st.characters(exclude_categories=["Cs"]),
    min_size=1,
    max_size=30,
)


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from([ZH, EN]), TEXTS)
def test_every_span_is_kept_exactly_or_explained_with_a_fix_that_fits(data, nlp, text):
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    tokens = nlp(text)
    assert tokens.text == text
    kept, misaligned = align(tokens, make_record(text, (start, end, "X")))
    assert len(kept) + len(misaligned) == 1
    for first, last, _label in kept:
        assert (tokens.starts[first], tokens.ends[last - 1]) == (start, end)
        assert not tokens.words[first].isspace()
        assert not tokens.words[last - 1].isspace()
    for item in misaligned:
        if item.suggestion is None:
            assert item.reason in {NOTHING, UNCLEAN}
        else:
            assert item.suggestion != (start, end)
            assert fit(tokens, text, *item.suggestion) is not None
