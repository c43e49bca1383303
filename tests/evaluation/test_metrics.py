"""The arithmetic, against hand-computed values and scikit-learn's report."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.metrics import classification_report

from xinzhi.evaluation.metrics import classification_scores, multilabel_scores, tag_scores

NA = {"precision": None, "recall": None, "f1": None, "support": 0}


def row(precision: float, recall: float, f1: float, support: int) -> dict[str, Any]:
    return {
        "precision": pytest.approx(precision),
        "recall": pytest.approx(recall),
        "f1": pytest.approx(f1),
        "support": support,
    }


@pytest.mark.parametrize(
    ("gold", "predicted", "accuracy", "macro", "labels"),
    [
        (["a"], ["a"], 1.0, row(1, 1, 1, 1), {"a": row(1, 1, 1, 1)}),
        (["a"], ["b"], 0.0, row(0, 0, 0, 1), {"a": row(0, 0, 0, 1), "b": NA}),
        (
            ["a", "a", "a", "b"],
            ["a", "a", "b", "b"],
            0.75,
            row(0.75, 5 / 6, (0.8 + 2 / 3) / 2, 4),
            {"a": row(1, 2 / 3, 0.8, 3), "b": row(0.5, 1, 2 / 3, 1)},
        ),
        (
            ["正面", "负面"],
            ["正面", "中性"],
            0.5,
            row(0.5, 0.5, 0.5, 2),
            {"正面": row(1, 1, 1, 1), "负面": row(0, 0, 0, 1), "中性": NA},
        ),
    ],
)
def test_classification(
    gold: list[str], predicted: list[str], accuracy: float, macro: Any, labels: Any
) -> None:
    scores = classification_scores(gold, predicted)
    assert scores["accuracy"] == pytest.approx(accuracy)
    assert scores["macro"] == macro
    assert scores["labels"] == labels


def test_agrees_with_the_classification_report() -> None:
    gold = ["O", "O", "B-X", "I-X", "O", "B-Y", "O", "B-X"]
    predicted = ["O", "B-X", "B-X", "I-X", "O", "B-X", "O", "O"]
    report = classification_report(gold, predicted, output_dict=True, zero_division=0)
    scores = tag_scores(gold, predicted)
    for name, expected in report.items():
        if name == "accuracy":
            assert scores["accuracy"] == pytest.approx(expected)
            continue
        found = scores[name.split()[0]] if name.endswith("avg") else scores["labels"][name]
        keys = {"f1-score": "f1"}
        assert found == {keys.get(k, k): pytest.approx(v) for k, v in expected.items()}


def test_without_o_leaves_o_out_of_the_averages_only() -> None:
    gold = ["O"] * 96 + ["B-X", "I-X", "B-X", "I-X"]
    predicted = ["O"] * 98 + ["B-X", "I-X"]
    scores = tag_scores(gold, predicted)
    assert scores["labels"]["O"]["support"] == 96
    assert scores["accuracy"] == pytest.approx(0.98)
    assert scores["without_O"]["micro"] == row(1, 0.5, 2 / 3, 4)
    assert scores["without_O"]["macro"] == row(1, 0.5, 2 / 3, 4)
    assert scores["macro"]["f1"] > 0.77


def test_only_o_has_no_averages_without_o() -> None:
    scores = tag_scores(["O", "O"], ["O", "B-X"])
    assert scores["without_O"] == {"micro": None, "macro": None, "weighted": None}
    assert scores["labels"]["B-X"] == NA


def test_multilabel() -> None:
    gold = [{"a": True, "b": True}, {"a": False, "b": True}, {"a": True, "b": False}]
    predicted = [{"a": True, "b": False}, {"a": True, "b": True}, {"a": True, "b": False}]
    scores = multilabel_scores(gold, predicted)
    assert scores["labels"] == {"a": row(2 / 3, 1, 0.8, 2), "b": row(1, 0.5, 2 / 3, 2)}
    assert scores["micro"] == row(3 / 4, 3 / 4, 3 / 4, 4)
    assert scores["macro"] == row(5 / 6, 0.75, (0.8 + 2 / 3) / 2, 4)


def test_multilabel_leaves_missing_labels_out() -> None:
    gold = [{"a": True}, {"b": True}, {"a": False, "b": False}]
    predicted = [{"a": True, "b": True}] * 2 + [{"a": False, "b": False}]
    scores = multilabel_scores(gold, predicted)
    assert scores["labels"] == {"a": row(1, 1, 1, 1), "b": row(1, 1, 1, 1)}


def test_multilabel_without_a_positive_is_not_defined() -> None:
    scores = multilabel_scores([{"a": False}], [{"a": True}])
    assert scores == {"micro": None, "macro": None, "labels": {"a": NA}}
