"""Heads: found by the prefix, scored only on the documents that carry them."""

from __future__ import annotations

import pytest
import spacy
from spacy.training import Example

from xinzhi.evaluation.heads import head_scores

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
    assert "accuracy" not in scores
    assert scores["labels"]["a"]["precision"] == 1.0


def test_a_head_that_the_pipeline_does_not_predict() -> None:
    assert head_scores([example({"s/pos": 1.0}, {"other/x": 1.0})]) == {"s": None}


def test_labels_without_a_slash_are_one_head() -> None:
    scores = head_scores([example({"好": 1.0, "差": 0.0}, {"好": 0.6, "差": 0.4})])
    assert scores["cats"]["accuracy"] == 1.0  # type: ignore[index]


def test_a_label_may_contain_a_slash() -> None:
    scores = head_scores([example({"t/a/b": 1.0, "t/c": 0.0}, {"t/a/b": 0.6, "t/c": 0.4})])
    assert list(scores["t"]["labels"]) == ["a/b"]  # type: ignore[index]
