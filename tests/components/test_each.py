"""What every component of ours must do, alike."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.training import Example
from thinc.api import Config

from xinzhi.components import base

from .helpers import (
    TOK2VEC,
    annotated,
    blank,
    cats_of,
    classifier,
    fresh,
    model,
    same_weights,
    tagger,
    train,
    weights_of,
)

DOCS = Path(__file__).parents[2] / "docs" / "components.md"
CONFIGS: dict[str, dict[str, Any]] = {
    "xinzhi_ner": {"model": tagger()},
    "xinzhi_cats": {"model": classifier()},
    "xinzhi_score": {"model": model("xinzhi.DocRegressor.v1", dropout=0.0)},
}
TEXTS = ["居民李雷在上海看病。", "地铁又晚点了。", "没有新闻。"]
each = pytest.mark.parametrize("name", CONFIGS)


def examples_of(nlp: Language) -> list[Example]:
    ents = [[(2, 4, "人物"), (5, 7, "地点")], [], []]
    topics = ["医疗", "交通", "其他"]
    return [
        annotated(nlp, text, ents=e, cats=cats_of({"topic": topic}), scores={"x": float(i)})
        for i, (text, e, topic) in enumerate(zip(TEXTS, ents, topics, strict=True))
    ]


@pytest.fixture(scope="module")
def trained() -> Language:
    nlp = blank("zh", *CONFIGS.items())
    train(nlp, examples_of(nlp), steps=10)
    return nlp


def predictions(nlp: Language, name: str) -> tuple[list[Any], list[float]]:
    """What one component predicts for the texts: names, and numbers."""
    docs = list(nlp.pipe(TEXTS))
    if name == "xinzhi_ner":
        ents = [ent for doc in docs for ent in doc.ents]
        return [(ent.text, ent.label_) for ent in ents], [ent._.confidence for ent in ents]
    found = [doc._.scores if name == "xinzhi_score" else doc._.heads["topic"] for doc in docs]
    return [list(values) for values in found], [v for values in found for v in values.values()]


def same_predictions(nlp: Language, other: Language, name: str) -> bool:
    names, numbers = predictions(nlp, name)
    return (names, pytest.approx(numbers, abs=1e-5)) == predictions(other, name)


@each
def test_the_labels_can_be_given(name: str, trained: Language) -> None:
    """As `spacy init labels` does: the labels of the data, read once, are all that is needed."""
    data = trained.get_pipe(name).label_data  # type: ignore[attr-defined]
    nlp = blank("zh", (name, CONFIGS[name]))
    plain = annotated(nlp, "没有标注。")
    nlp.get_pipe(name).initialize(lambda: [plain], nlp=nlp, labels=data)  # type: ignore[attr-defined]
    assert nlp.get_pipe(name).label_data == data  # type: ignore[attr-defined]
    assert nlp.get_pipe(name).labels == trained.get_pipe(name).labels  # type: ignore[attr-defined]
    assert nlp("没有标注。").text == "没有标注。"


@each
def test_progress_of_reading(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "PROGRESS_EVERY", 2)
    messages: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    handler, level = Listener(), base.logger.level
    base.logger.addHandler(handler)
    base.logger.setLevel(logging.INFO)
    try:
        nlp = blank("zh", (name, CONFIGS[name]))
        nlp.initialize(lambda: examples_of(nlp))
    finally:
        base.logger.removeHandler(handler)
        base.logger.setLevel(level)
    ours = [message for message in messages if message.startswith(name)]
    assert ours == [f"{name}: read 2 training documents", f"{name}: read all 3 training documents"]


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ("dev:17", "record dev:17"),
        ({"id": "r1", "source": "dev.jsonl", "line": 3, "meta": {}}, "record r1 (dev.jsonl:3)"),
        ({"id": 0}, "record 0"),
        (None, "the document that begins with '没有标注。'"),
        ({}, "the document that begins with '没有标注。'"),
    ],
)
def test_messages_name_the_record(record: Any, name: str) -> None:
    assert base.record_of(annotated(blank("zh"), "没有标注。", record=record).reference) == name


@each
def test_sourced_and_frozen(name: str, trained: Language, tmp_path: Path) -> None:
    other = next(n for n in CONFIGS if n != name)
    nlp = blank("zh", (other, CONFIGS[other]))
    nlp.add_pipe(name, source=trained)
    with nlp.select_pipes(disable=name):
        optimizer = nlp.initialize(lambda: examples_of(nlp))
    frozen, learning = weights_of(nlp, name), weights_of(nlp, other)
    nlp.update(fresh(nlp, examples_of(nlp)), sgd=optimizer, exclude=[name], annotates=[name])
    assert same_weights(frozen, weights_of(nlp, name))
    assert not same_weights(learning, weights_of(nlp, other))
    nlp.to_disk(tmp_path / "model")
    assert same_predictions(spacy.load(tmp_path / "model"), trained, name)


@each
def test_beside_stock_components_on_one_tok2vec(name: str, tmp_path: Path) -> None:
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "tok2vec"}
    own = {"model": {**CONFIGS[name]["model"], "tok2vec": listener}}
    nlp = blank("zh", ("tok2vec", {"model": TOK2VEC}), (name, own))
    stock = {"@architectures": "spacy.Tagger.v2", "tok2vec": listener}
    nlp.add_pipe("tagger", config={"model": stock})
    nlp.add_pipe("sentencizer", first=True)
    examples = examples_of(nlp)
    for example in examples:
        for token in example.reference:
            token.tag_ = "punct" if token.is_punct else "word"
    train(nlp, examples, steps=30)
    assert [token.tag_ for token in nlp("没有新闻。")] == ["word"] * 4 + ["punct"]
    nlp.to_disk(tmp_path / "model")
    again = spacy.load(tmp_path / "model")
    assert same_predictions(again, nlp, name)
    assert again("没有新闻。")[4].tag_ == "punct"


@each
def test_the_example_of_the_docs_works(name: str) -> None:
    blocks = re.findall(r"(?ms)^```ini\n(.*?)^```", DOCS.read_text(encoding="utf8"))
    (block,) = [block for block in blocks if f'factory = "{name}"' in block]
    config = Config().from_str("[components]\n" + block)["components"][name]
    del config["factory"]
    default = Language.get_factory_meta(name).default_config
    assert set(config) == set(default) - {"scorer"}
    config["model"]["tok2vec"] = default["model"]["tok2vec"]
    nlp = blank("zh")
    nlp.add_pipe(name, config=config)
    if name == "xinzhi_score":
        return  # its example declares other scores than these texts have
    nlp.initialize(lambda: examples_of(nlp))
    assert nlp(TEXTS[0]).text == TEXTS[0]
