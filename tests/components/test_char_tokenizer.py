"""The character tokenizer: spaCy's result on any text, in linear time."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc

CONFIG = {"nlp": {"tokenizer": {"@tokenizers": "xinzhi.CharTokenizer.v1"}}}
OURS = spacy.blank("zh", config=CONFIG)
SPACYS = spacy.blank("zh")
WHITE = [chr(i) for i in range(0x110000) if chr(i).isspace()]
TEXTS = [
    "", " ", "  ", "\n", " 医 院  很好 ", "a b\tc\r\n", "医\u3000院", "\u00a0x", "x\u200by",
    "👨‍👩‍👧 好",
    "e\u0301", "\x00", "\x1c\x1d a", "\u2028 \u2029", " \n \n", "x \n", "\ufeff医院",
    "𠮷 野家", "a" * 300,
]  # fmt: skip


def same(text: str) -> None:
    ours, theirs = OURS.make_doc(text), SPACYS.make_doc(text)
    assert ours.text == text
    assert ours.to_json() == theirs.to_json()
    assert [t.whitespace_ for t in ours] == [t.whitespace_ for t in theirs]


@pytest.mark.parametrize("text", [*TEXTS, *WHITE, *(f"医{w} {w}院 {w}" for w in WHITE)])
def test_as_spacys(text: str) -> None:
    same(text)


@settings(max_examples=300, deadline=None)
@given(
    st.text(
        st.one_of(
            st.sampled_from(["医", "a", " ", *WHITE]), st.characters(exclude_categories=["Cs"])
        )
    )
)
def test_as_spacys_on_any_text(text: str) -> None:
    same(text)


def test_lone_surrogates_are_refused_as_by_spacy() -> None:
    for nlp in (OURS, SPACYS):
        with pytest.raises(UnicodeEncodeError):
            nlp.make_doc("医\ud83d")


def seconds(nlp: Language, text: str) -> float:
    start = perf_counter()
    assert len(nlp.make_doc(text)) == len(text)
    return perf_counter() - start


def test_time_grows_with_the_text() -> None:
    seconds(OURS, "医院" * 100)
    short = min(seconds(OURS, "医院" * 20_000) for _ in range(5))
    long = min(seconds(OURS, "医院" * 160_000) for _ in range(3))
    assert long < 30 * short  # eight times the text; quadratic would be 64


def test_saved_form_is_spacys(tmp_path: Path) -> None:
    assert OURS.tokenizer.to_bytes() == SPACYS.tokenizer.to_bytes()
    OURS.to_disk(tmp_path / "分词")
    loaded = spacy.load(tmp_path / "分词")
    assert type(loaded.tokenizer).__name__ == "CharTokenizer"
    assert [t.text for t in loaded("医 院\n")] == ["医", "院", "\n"]
    loaded.from_bytes(OURS.to_bytes())


def test_a_pipeline_initializes_with_the_settings_of_the_language() -> None:
    nlp = spacy.blank("zh", config=CONFIG)
    nlp.add_pipe("sentencizer")
    nlp.initialize()
    assert "pkuseg_model" in nlp.config["initialize"]["tokenizer"]


def test_two_processes() -> None:
    texts = ["医 院", "很\n好", ""]
    docs: list[Doc] = list(OURS.pipe(texts, n_process=2))
    assert [doc.text for doc in docs] == texts
