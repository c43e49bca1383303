"""A small corpus with entities and two heads, and pipelines with known predictions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin

MakeDoc = Callable[..., Doc]
SaveCorpus = Callable[..., Path]


@pytest.fixture
def make_doc() -> MakeDoc:
    """A function (text, entities, cats) -> gold document; entities=None: not annotated."""
    nlp = spacy.blank("zh")

    def make(
        text: str,
        entities: list[tuple[int, int, str]] | None = None,
        cats: dict[str, float] | None = None,
    ) -> Doc:
        doc = nlp.make_doc(text)
        doc.cats = cats or {}
        if entities is None:
            doc.set_ents([], default="missing")
        else:
            doc.set_ents([doc.char_span(*span) for span in entities])
        return doc

    return make


@pytest.fixture
def save_corpus(tmp_path: Path) -> SaveCorpus:
    """A function (docs) -> .spacy file."""

    def save(docs: list[Doc], name: str = "测试 corpus.spacy") -> Path:
        DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / name)
        return tmp_path / name

    return save


@pytest.fixture
def ruler() -> Language:
    """A pipeline whose predictions are known: 一网通办 is X, 医保码 is Y; never a category."""
    nlp = spacy.blank("zh")
    patterns = [{"label": "X", "pattern": "一网通办"}, {"label": "Y", "pattern": "医保码"}]
    nlp.add_pipe("entity_ruler").add_patterns(patterns)  # type: ignore[attr-defined]
    return nlp


@Language.component("test_cats")
def set_cats(doc: Doc) -> Doc:
    """好 -> positive, anything else -> negative; topic by length."""
    good = "好" in doc.text
    doc.cats = {
        "情感/positive": 0.8 if good else 0.1,
        "情感/negative": 0.2 if good else 0.9,
        "topic/short": 0.7,
        "topic/long": 0.6 if len(doc) > 8 else 0.3,
    }
    return doc
