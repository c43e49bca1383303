"""Whole evaluations: equal to spaCy's numbers, honest about what is missing."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import pytest
from spacy.language import Language
from spacy.training import Corpus, Example

from xinzhi.errors import XinzhiError
from xinzhi.evaluation.evaluate import entity_scores, evaluate, predict

from .conftest import MakeDoc, SaveCorpus

TEXTS = [
    ("一网通办真好", [(0, 4, "X")]),
    ("医保码和一网通办", [(0, 3, "Y"), (4, 8, "Z")]),
    ("AI 医保码扫不出来", []),
    ("社区食堂很好", [(0, 4, "W")]),
]


@pytest.fixture
def corpus(make_doc: MakeDoc, save_corpus: SaveCorpus) -> Path:
    return save_corpus([make_doc(text, entities) for text, entities in TEXTS])


def test_entities_equal_spacy_evaluate(ruler: Language, corpus: Path) -> None:
    ours = evaluate(ruler, corpus)["entities"]
    theirs = ruler.evaluate(list(Corpus(corpus)(ruler)))
    assert (ours["precision"], ours["recall"], ours["f1"]) == (
        theirs["ents_p"],
        theirs["ents_r"],
        theirs["ents_f"],
    )
    assert ours["precision"] == pytest.approx(2 / 4)
    assert ours["recall"] == pytest.approx(2 / 4)
    for label, values in ours["labels"].items():
        if values["support"]:
            expected = theirs["ents_per_type"][label]
            assert (values["precision"], values["recall"], values["f1"]) == (
                expected["p"],
                expected["r"],
                expected["f"],
            )


def test_counts_tokens_and_speed(ruler: Language, corpus: Path) -> None:
    scores = evaluate(ruler, corpus)
    assert scores["counts"]["documents"] == 4
    assert scores["counts"]["gold_entities"] == 4
    assert scores["counts"]["predicted_entities"] == 4
    assert scores["counts"]["characters"] == sum(len(text) for text, _ in TEXTS)
    assert scores["tokens"]["labels"]["B-X"]["support"] == 1
    assert scores["tokens"]["labels"]["B-W"] == {
        "precision": 0.0,
        "recall": 0.0,
        "f1": 0.0,
        "support": 1,
    }
    assert scores["speed"]["characters_per_second"] > 0
    assert scores["run"]["versions"]["spacy"]
    json.dumps(scores, allow_nan=False)


def test_a_label_that_gold_does_not_have_has_no_recall(
    ruler: Language, make_doc: MakeDoc, save_corpus: SaveCorpus
) -> None:
    corpus = save_corpus([make_doc("一网通办和医保码", [(0, 4, "X")])])
    entities = evaluate(ruler, corpus)["entities"]
    assert entities["labels"]["Y"] == {"precision": 0.0, "recall": None, "f1": 0.0, "support": 0}
    assert entities["precision"] == 0.5


def test_missing_annotation_is_neither_right_nor_wrong(
    ruler: Language, make_doc: MakeDoc, save_corpus: SaveCorpus
) -> None:
    docs = [make_doc("一网通办", [(0, 4, "X")]), make_doc("医保码", None, {"a/b": 1.0})]
    scores = evaluate(ruler, save_corpus(docs))
    assert scores["entities"]["f1"] == 1.0
    assert scores["tokens"]["macro"]["support"] == 4


def test_cats_only_corpus_scores_no_entities(
    ruler: Language, make_doc: MakeDoc, save_corpus: SaveCorpus
) -> None:
    ruler.add_pipe("test_cats")
    corpus = save_corpus([make_doc("医保码真好", None, {"情感/positive": 1.0})])
    scores = evaluate(ruler, corpus)
    assert scores["entities"] is None
    assert scores["tokens"] is None
    assert scores["heads"]["情感"]["accuracy"] == 1.0


@pytest.mark.parametrize("entities", [[], None])
def test_no_gold_entities_is_an_error_not_a_zero(
    entities: list[tuple[int, int, str]] | None,
    ruler: Language,
    make_doc: MakeDoc,
    save_corpus: SaveCorpus,
) -> None:
    corpus = save_corpus([make_doc("一网通办", entities)])
    with pytest.raises(XinzhiError, match="carries an entity"):
        evaluate(ruler, corpus)


def test_tensors_are_freed(ruler: Language, make_doc: MakeDoc) -> None:
    from spacy_transformers.pipeline_component import install_extensions

    install_extensions()
    gold = make_doc("一网通办", [(0, 4, "X")])
    examples = [Example(ruler.make_doc(gold.text), gold) for _ in range(3)]
    for eg in examples:
        eg.predicted.tensor = eg.predicted.to_array("LOWER").reshape(-1, 1)
        eg.predicted._.trf_data = "large"
    predict(ruler, examples)
    assert all(eg.predicted.tensor.size == 0 for eg in examples)
    assert all(eg.predicted._.trf_data is None for eg in examples)
    assert entity_scores(examples)["f1"] == 1.0


def test_a_pipeline_is_loaded_from_disk(ruler: Language, corpus: Path, tmp_path: Path) -> None:
    ruler.to_disk(tmp_path / "模型 1")
    assert evaluate(tmp_path / "模型 1", corpus)["entities"]["support"] == 4


@pytest.mark.parametrize("content", [b"", b"{}", b"hello", zlib.compress(b"hello")])
def test_unreadable_corpus(content: bytes, ruler: Language, tmp_path: Path) -> None:
    (tmp_path / "bad.spacy").write_bytes(content)
    with pytest.raises(XinzhiError, match=r"bad\.spacy (is not a DocBin|cannot be read)"):
        evaluate(ruler, tmp_path / "bad.spacy")


def test_missing_corpus_and_pipeline(ruler: Language, corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(XinzhiError, match=r"Corpus not found: .*none\.spacy"):
        evaluate(ruler, tmp_path / "none.spacy")
    with pytest.raises(XinzhiError, match="Cannot load the pipeline no_such_pipeline"):
        evaluate("no_such_pipeline", corpus)


@pytest.mark.parametrize("name", ["meta.json", "config.cfg", "entity_ruler/patterns.jsonl"])
def test_damaged_pipeline(ruler: Language, corpus: Path, tmp_path: Path, name: str) -> None:
    ruler.to_disk(tmp_path / "模型")
    (tmp_path / "模型" / name).write_text("{", encoding="utf8")
    with pytest.raises(XinzhiError, match=r"Cannot load the pipeline .*模型: \S") as caught:
        evaluate(tmp_path / "模型", corpus)
    assert "\n" not in caught.value.fact


def test_empty_corpus(ruler: Language, save_corpus: SaveCorpus) -> None:
    with pytest.raises(XinzhiError, match="holds no documents"):
        evaluate(ruler, save_corpus([]))
