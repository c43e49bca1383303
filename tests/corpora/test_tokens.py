"""Tokens without Docs are spaCy's tokens."""

from __future__ import annotations

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.vocab import Vocab

from xinzhi.corpora.tokens import Tokens, character_tokens, make_doc, tokeniser

ZH, EN = spacy.blank("zh"), spacy.blank("en")
TEXTS = st.text(
    st.one_of(
        st.sampled_from("  \n\t\u3000\xa0\x1c北京a1👨\u200d\u0301"),
        st.characters(exclude_categories=("Cs",)),
    ),
    max_size=30,
)


@settings(max_examples=500, deadline=None)
@given(TEXTS)
def test_characters_are_those_of_blank_chinese(text: str):
    doc, tokens = ZH.make_doc(text), character_tokens(text)
    assert tokens.words == [token.text for token in doc]
    assert tokens.spaces.tolist() == [bool(token.whitespace_) for token in doc]
    assert tokens.starts.tolist() == [token.idx for token in doc]
    assert tokens.text == text


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.integers(0, 20), st.integers(1, 20))
def test_spans_are_found_as_char_span_does(text: str, start: int, length: int):
    for nlp in (ZH, EN):
        doc, tokens = nlp.make_doc(text), tokeniser(nlp)(text)
        assert tokens.starts.tolist() == [token.idx for token in doc]
        assert make_doc(tokens, Vocab()).text == text
        span = doc.char_span(start, start + length) if text[start:] else None
        found = tokens.find(start, start + length)
        assert found == ((span.start, span.end) if span is not None else None)


def test_tokens_that_touch_a_span():
    tokens = Tokens.of(EN.make_doc("I like New York."))
    assert tokens.touching(3, 8) == (1, 3)
    assert tokens.touching(6, 7) == (2, 2)  # only the space
    assert tokens.touching(99, 100) == (5, 5)


@pytest.mark.slow
def test_a_long_text_takes_linear_time():
    assert len(character_tokens("北京 \n" * 250_000)) == 750_000
