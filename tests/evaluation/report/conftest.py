"""A pipeline with known predictions and confidences, and a corpus with metadata."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from spacy.language import Language
from spacy.tokens import Doc

from xinzhi.components.base import ensure_extension
from xinzhi.components.ner import set_extensions
from xinzhi.evaluation.evaluate import predict_corpus, score
from xinzhi.evaluation.report.build import build_report

from ..conftest import MakeDoc, SaveCorpus

Report = dict[str, Any]
# text, gold entities (一网通办 is predicted as X, 医保码 as Y), 情感, genre
TEXTS: list[tuple[str, list[tuple[int, int, str]], str, str]] = [
    ("一网通办真好", [(0, 4, "X")], "positive", "notice"),
    ("一网通办好", [(0, 4, "Y")], "positive", "notice"),
    ("新医保码<b>扫</b> & 不出来", [(0, 4, "Y")], "negative", "social"),
    ("社区食堂和医保码都差", [(0, 4, "Z"), (5, 8, "Y")], "negative", "social"),
    ("食堂真好", [], "negative", "social"),
    ("用医保码排队", [], "positive", "notice"),
]


@Language.component("test_confidence")
def set_confidence(doc: Doc) -> Doc:
    """X is sure, Y is not; the value of a document is its length."""
    set_extensions()
    ensure_extension(Doc, "scores", default={})
    for ent in doc.ents:
        ent._.confidence = 0.9 if ent.label_ == "X" else 0.6
    doc._.scores = {"length": float(len(doc))}
    return doc


@pytest.fixture
def pipeline(ruler: Language) -> Language:
    ruler.get_pipe("entity_ruler").add_patterns(  # type: ignore[attr-defined]
        [{"label": "absent", "pattern": "从不出现"}]
    )
    ruler.add_pipe("test_cats")
    ruler.add_pipe("test_confidence")
    return ruler


@pytest.fixture
def docs(make_doc: MakeDoc) -> list[Doc]:
    found = []
    for number, (text, entities, sentiment, genre) in enumerate(TEXTS, start=1):
        cats = {f"情感/{label}": float(label == sentiment) for label in ("positive", "negative")}
        doc = make_doc(text, entities, {**cats, "topic/short": 1.0, "topic/long": 0.0})
        doc.user_data["record"] = {
            "id": number,
            "source": "test.jsonl",
            "line": number,
            "meta": {"genre": genre, "url": f"case-{number}", "age": number, "nested": [1]},
        }
        doc.user_data["scores"] = {"length": float(number)}
        found.append(doc)
    return found


@pytest.fixture
def corpus(docs: list[Doc], save_corpus: SaveCorpus) -> Path:
    return save_corpus(docs)


@pytest.fixture
def make_report(pipeline: Language) -> Callable[..., Report]:
    """A function (corpus, train=None, run=None) -> report of the known pipeline."""

    def make(corpus: Path, **more: Any) -> Report:
        predictions = predict_corpus(pipeline, corpus)
        return build_report(predictions, score(predictions), **more)

    return make


@pytest.fixture
def report(make_report: Callable[..., Report], corpus: Path) -> Report:
    return make_report(corpus)
