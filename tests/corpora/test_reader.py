from __future__ import annotations

import logging
from collections import Counter

import pytest
import spacy
from spacy import registry
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus
from spacy.util import load_config_from_str, load_model_from_config

from tests.components.helpers import (
    CATEGORIES,
    ENTITIES,
    annotated,
    blank,
    cats_examples,
    classifier,
    entity_examples,
    ents_of,
    tagger,
)
from xinzhi.corpora.reader import create_corpus, mixing_counts
from xinzhi.errors import XinzhiError

CONFIG = """
[corpora]

[corpora.train]
@readers = "xinzhi.Corpus.v1"
temperature = 2.0

[corpora.train.sources]

[corpora.train.sources.entities]
path = "{entities}"

[corpora.train.sources.moods]
path = "{moods}"
weight = 2.0
unannotated = ["ents"]
"""


@pytest.fixture
def files(tmp_path):
    nlp = spacy.blank("zh")
    paths = {"entities": tmp_path / "实体 1.spacy", "moods": tmp_path / "moods"}
    DocBin(docs=[eg.reference for eg in entity_examples(nlp)], store_user_data=True).to_disk(
        paths["entities"]
    )
    paths["moods"].mkdir()
    for i, example in enumerate(cats_examples(nlp)):
        example.reference.ents = []  # as many tools write documents without entity annotation
        DocBin(docs=[example.reference], store_user_data=True).to_disk(
            paths["moods"] / f"{i}.spacy"
        )
    return paths


def sources(files, **more):
    return {name: {"path": str(path), **more} for name, path in files.items()}


def test_from_a_config(files):
    config = load_config_from_str(CONFIG.format(**{k: p.as_posix() for k, p in files.items()}))
    corpus = registry.resolve(config)["corpora"]["train"]
    examples = list(corpus(spacy.blank("zh")))
    texts = Counter(eg.text for eg in examples)
    assert all(texts[text] == 1 for text, _ in ENTITIES["zh"])
    assert all(texts[text] == 2 for text, _ in CATEGORIES["zh"])


def test_what_a_document_does_not_carry_is_missing(files):
    plain = list(create_corpus(sources(files))(spacy.blank("zh")))
    assert all(eg.reference.has_annotation("ENT_IOB") for eg in plain)
    files_marked = sources(files)
    files_marked["moods"]["unannotated"] = ["ents"]
    marked = {eg.text: eg.reference for eg in create_corpus(files_marked)(spacy.blank("zh"))}
    for text, ents in ENTITIES["zh"]:
        assert ents_of(marked[text]) == ents
        assert marked[text].cats == {}
    for text, _ in CATEGORIES["zh"]:
        assert not marked[text].has_annotation("ENT_IOB")
        assert marked[text].cats


def test_layers_can_be_taken_off(files):
    nlp = spacy.blank("zh")
    off = create_corpus(sources(files, unannotated=["ents", "cats", "scores"]))(nlp)
    for example in off:
        assert not example.reference.has_annotation("ENT_IOB")
        assert not example.reference.cats
        assert "scores" not in example.reference.user_data


def test_one_source_reads_as_spacys_corpus_does(files):
    nlp = spacy.blank("zh")
    ours = create_corpus({"a": {"path": str(files["entities"])}})(nlp)
    theirs = Corpus(files["entities"])(nlp)
    for a, b in zip(ours, theirs, strict=True):
        assert a.reference.to_bytes() == b.reference.to_bytes()
        assert [t.text for t in a.predicted] == [t.text for t in b.predicted]


def test_limit_and_shuffle(files):
    nlp = spacy.blank("zh")
    assert len(list(create_corpus(sources(files), limit=2)(nlp))) == 4
    corpus = create_corpus(sources(files), shuffle=True)
    orders = [[eg.text for eg in corpus(nlp)] for _ in range(10)]
    assert len({tuple(order) for order in orders}) > 1
    assert len({tuple(sorted(order)) for order in orders}) == 1


def test_long_documents_become_sentences(tmp_path, caplog):
    nlp = blank("zh", ("sentencizer", {"punct_chars": ["。"]}))
    doc = nlp("居民李雷看病。他在上海。")
    doc.set_ents([doc.char_span(9, 11, label="地点")])
    doc.cats, doc.user_data["record"] = {"a/b": 1.0}, "r1"
    without = Doc(nlp.vocab, words=list("没有句子的长文档"), spaces=[False] * 8)
    DocBin(docs=[doc, without], store_user_data=True).to_disk(tmp_path / "long.spacy")
    source = {"long": {"path": str(tmp_path / "long.spacy")}}
    with caplog.at_level(logging.WARNING, logger="spacy"):
        examples = list(create_corpus(source, max_length=8)(nlp))
    assert [eg.text for eg in examples] == ["居民李雷看病。", "他在上海。"]
    assert ents_of(examples[1].reference) == [(2, 4, "地点")]
    assert all(eg.reference.cats == {} for eg in examples)
    assert examples[0].reference.user_data["record"] == "r1"
    assert "1 documents of more than 8 tokens" in caplog.text


@pytest.mark.parametrize(
    ("sizes", "weights", "temperature", "want"),
    [
        ([100, 10], [1, 1], 1.0, [100, 10]),
        ([100, 10], [1, 2], 1.0, [100, 20]),
        ([100, 10], [2, 1], 1.0, [200, 10]),
        ([100, 1], [1, 1], 2.0, [100, 10]),
        ([100, 10], [1, 1], 1e9, [100, 100]),
        ([7], [3], 5.0, [7]),
    ],
)
def test_mixing(sizes, weights, temperature, want):
    assert mixing_counts(sizes, weights, temperature) == want


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "has no source"),
        ({"a": {"path": "nowhere.spacy"}}, "nowhere.spacy does not exist"),
        ({"a": {"path": None}}, "an empty path"),
        ({"a": {}}, "Give it a path"),
        ({"a": {"path": ".", "wieght": 2}}, "wieght"),
        ({"a": {"path": ".", "weight": 0}}, "weight"),
        ({"a": {"path": ".", "unannotated": ["tags"]}}, "tags"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(XinzhiError, match=message):
        create_corpus(settings)


def test_bad_temperature_and_empty_source(files, tmp_path):
    with pytest.raises(XinzhiError, match="temperature"):
        create_corpus(sources(files), temperature=0.0)
    DocBin().to_disk(tmp_path / "empty.spacy")
    corpus = create_corpus({"a": {"path": str(tmp_path / "empty.spacy")}})
    with pytest.raises(XinzhiError, match=r"no document to use in .*empty\.spacy"):
        list(corpus(spacy.blank("zh")))


def test_two_corpora_train_one_pipeline(files):
    nlp = blank("zh", ("xinzhi_ner", {"model": tagger()}), ("xinzhi_cats", {"model": classifier()}))
    settings = sources(files)
    settings["moods"]["unannotated"] = ["ents"]
    corpus = create_corpus(settings)
    optimizer = nlp.initialize(lambda: corpus(nlp))
    optimizer.learn_rate = 0.01
    for _ in range(40):
        nlp.update(list(corpus(nlp)), sgd=optimizer)
    for text, ents in ENTITIES["zh"]:
        assert ents_of(nlp(text)) == ents
    for text, values in CATEGORIES["zh"]:
        assert nlp(text)._.decisions["mood"] == values["mood"]
    assert annotated(nlp, "x").reference.cats == {}
    assert load_model_from_config(nlp.config, auto_fill=True).pipe_names == nlp.pipe_names
