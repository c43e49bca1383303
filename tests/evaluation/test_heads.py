"""Heads: found by the prefix, scored only on the documents that carry them."""

from __future__ import annotations

from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.training import Example

from tests.components.helpers import (
    CATEGORIES,
    HEADS,
    annotated,
    blank,
    cats_examples,
    cats_of,
    classifier,
    fresh,
    train,
)
from xinzhi.errors import XinzhiError
from xinzhi.evaluation.heads import head_scores, stored_thresholds

nlp = spacy.blank("zh")
Cats = dict[str, float]


def example(gold: Cats, predicted: Cats) -> Example:
    reference, doc = nlp.make_doc("很好"), nlp.make_doc("很好")
    reference.cats, doc.cats = gold, predicted
    return Example(doc, reference)


def test_exclusive_heads_take_the_highest_score() -> None:
    predicted = {"s/pos": 0.3, "s/neg": 0.2, "t/a": 0.1, "t/b": 0.9}
    examples = [
        example({"s/pos": 1.0, "s/neg": 0.0, "t/a": 0.0, "t/b": 1.0}, predicted),
        example({"s/pos": 0.0, "s/neg": 1.0, "t/a": 0.0, "t/b": 1.0}, predicted),
    ]
    scores = head_scores(examples)
    assert list(scores) == ["s", "t"]
    assert scores["s"] is not None
    assert scores["t"] is not None
    assert scores["s"]["exclusive"]
    assert scores["s"]["accuracy"] == 0.5
    assert scores["t"]["accuracy"] == 1.0
    assert scores["t"]["macro"]["support"] == 2


def test_two_heads_may_share_a_label() -> None:
    gold = {"a/其他": 1.0, "a/x": 0.0, "b/其他": 0.0, "b/x": 1.0}
    predicted = {"a/其他": 0.9, "a/x": 0.1, "b/其他": 0.9, "b/x": 0.1}
    scores = head_scores([example(gold, predicted)])
    assert [scores[h]["accuracy"] for h in "ab"] == [1.0, 0.0]  # type: ignore[index]


def test_documents_without_the_head_are_left_out() -> None:
    predicted = {"s/pos": 0.9, "s/neg": 0.1}
    examples = [example({"s/pos": 1.0, "s/neg": 0.0}, predicted), example({}, predicted)]
    scores = head_scores(examples)["s"]
    assert scores is not None
    assert scores["documents"] == 1
    assert scores["accuracy"] == 1.0


@pytest.mark.parametrize("gold", [{"m/a": 1.0, "m/b": 1.0}, {"m/a": 0.0, "m/b": 0.0}])
def test_another_number_of_labels_makes_a_head_multilabel(gold: Cats) -> None:
    one = example({"m/a": 1.0, "m/b": 0.0}, {"m/a": 0.5, "m/b": 0.4})
    scores = head_scores([one, example(gold, {"m/a": 0.2, "m/b": 0.8})])["m"]
    assert scores is not None
    assert not scores["exclusive"]
    assert scores["accuracy"] == 0.5
    assert scores["labels"]["a"]["precision"] == 1.0


def test_a_head_that_the_pipeline_does_not_predict() -> None:
    assert head_scores([example({"s/pos": 1.0}, {"other/x": 1.0})]) == {"s": None}


def test_labels_without_a_slash_are_one_head() -> None:
    scores = head_scores([example({"好": 1.0, "差": 0.0}, {"好": 0.6, "差": 0.4})])
    assert scores["cats"]["accuracy"] == 1.0  # type: ignore[index]


def test_a_label_may_contain_a_slash() -> None:
    scores = head_scores([example({"t/a/b": 1.0, "t/c": 0.0}, {"t/a/b": 0.6, "t/c": 0.4})])
    assert list(scores["t"]["labels"]) == ["a/b", "c"]  # type: ignore[index]


# The heads and thresholds of the pipeline


def trained_heads(examples: list[Example], **settings: Any) -> Language:
    nlp = blank("zh", ("xinzhi_cats", {"model": classifier(), "heads": HEADS, **settings}))
    train(nlp, examples, steps=2)
    return nlp


def predicted_by(pipeline: Language, examples: list[Example]) -> list[Example]:
    docs = pipeline.pipe([eg.reference.text for eg in examples])
    return [Example(doc, eg.reference) for doc, eg in zip(docs, examples, strict=True)]


def test_scores_equal_spacy_evaluate() -> None:
    """The head "tags" has one true label in each of these texts, but is declared otherwise."""
    pipeline = trained_heads(cats_examples(spacy.blank("zh")), threshold=0.4)
    one_tag = {"tags/a": 1.0, "tags/b": 0.0}
    texts = [(text, values) for text, values in CATEGORIES["zh"] for _ in range(2)]
    gold = [
        annotated(pipeline, text, cats={**cats_of({"topic": v["topic"], "mood": "好"}), **one_tag})
        for text, v in texts
    ]
    ours = head_scores(predicted_by(pipeline, gold))
    theirs = pipeline.evaluate(fresh(pipeline, gold))
    assert set(ours) == {"topic", "mood", "tags"}
    for name, scores in ours.items():
        assert scores is not None
        assert scores["exclusive"] == HEADS[name]["exclusive"]
        assert scores["accuracy"] == theirs[f"cats_{name}_acc"]
        assert scores["macro"]["f1"] == theirs[f"cats_{name}_macro_f"]
        assert scores["auc"] == theirs[f"cats_{name}_auc"]
        assert scores["confidence"]["n"] == (12 if name == "tags" else 6)
        for label, row in scores["labels"].items():
            assert row["f1"] in (None, theirs["cats_heads"][name]["per_label"][label]["f"])


@pytest.mark.parametrize(("threshold", "found"), [(0.01, 1.0), (0.99, 0.0)])
def test_the_threshold_of_the_pipeline_counts(threshold: float, found: float) -> None:
    gold = cats_examples(spacy.blank("zh"))
    scores = head_scores(predicted_by(trained_heads(gold, threshold=threshold), gold))["tags"]
    assert scores is not None
    assert scores["labels"]["a"]["recall"] == found


@pytest.mark.parametrize(
    ("cats", "fact"),
    [
        ({"topic/交通": 1.0, "topic/医疗": 1.0}, "has 2 gold labels"),
        ({"topic/交通": 0.0}, "has no gold label"),
        ({"topic/交通": float("nan")}, "is nan"),
        ({"topic/交通": 3.0}, "is 3.0"),
    ],
)
def test_bad_gold_names_the_record(cats: Cats, fact: str) -> None:
    pipeline = trained_heads(cats_examples(spacy.blank("zh")))
    bad = annotated(pipeline, "地铁", cats=cats, record="test:7")
    with pytest.raises(XinzhiError, match=f"record test:7: .*{fact}"):
        head_scores(predicted_by(pipeline, [bad]))
    with pytest.raises(XinzhiError, match=f"record test:7: .*{fact}"):
        pipeline.evaluate([bad])


def test_the_threshold_of_stock_components() -> None:
    pipeline = spacy.blank("zh")
    pipeline.add_pipe("textcat_multilabel", config={"threshold": 0.3}).add_label("t/a")  # type: ignore[attr-defined]
    pipeline.add_pipe("textcat").add_label("B")  # type: ignore[attr-defined]
    assert stored_thresholds(pipeline) == {"t/a": 0.3}
    examples = [
        example({"t/a": 1.0, "t/b": 1.0}, {"t/a": 0.4, "t/b": 0.4}),
        example({"t/a": 0.0, "t/b": 0.0}, {"t/a": 0.2, "t/b": 0.4}),
    ]
    scores = head_scores(examples, stored_thresholds(pipeline))["t"]
    assert scores is not None
    assert scores["labels"]["a"]["f1"] == 1.0
    assert scores["labels"]["b"]["recall"] == 0.0
