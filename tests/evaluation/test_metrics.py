"""The arithmetic, against hand-computed values and scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import classification_report, f1_score, precision_recall_fscore_support

from xinzhi.components.cats_scorer import Row, score_head
from xinzhi.components.metrics import averages
from xinzhi.evaluation.metrics import (
    classification_head_scores,
    classification_scores,
    tag_scores,
)

NA = {"precision": None, "recall": None, "f1": None, "support": 0}
ONLY_PREDICTED = {"precision": 0.0, "recall": None, "f1": 0.0, "support": 0}


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
        (["a"], ["b"], 0.0, row(0, 0, 0, 1), {"a": row(0, 0, 0, 1), "b": ONLY_PREDICTED}),
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
            row(1 / 3, 1 / 3, 1 / 3, 2),
            {"正面": row(1, 1, 1, 1), "负面": row(0, 0, 0, 1), "中性": ONLY_PREDICTED},
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


def test_only_o_has_no_true_tag_without_o() -> None:
    scores = tag_scores(["O", "O"], ["O", "B-X"])
    assert scores["without_O"] == {"micro": row(0, 0, 0, 0), "macro": row(0, 0, 0, 0)} | {
        "weighted": None
    }
    assert scores["labels"]["B-X"] == ONLY_PREDICTED
    assert tag_scores(["O"], ["O"])["without_O"] == dict.fromkeys(("micro", "macro", "weighted"))
    assert tag_scores([], [])["accuracy"] is None


def rows_of(gold: list[dict[str, float]], predicted: list[str]) -> list[Row]:
    """Decisions of a head that is not exclusive, one letter per label."""
    return [(g, list(p), dict.fromkeys(p, 0.9)) for g, p in zip(gold, predicted, strict=True)]


def test_several_labels() -> None:
    gold = [{"a": 1.0, "b": 1.0}, {"a": 0.0, "b": 1.0}, {"a": 1.0, "b": 0.0}]
    scores = classification_head_scores(rows_of(gold, ["a", "ab", "a"]))
    del scores["labels"]["a"]["auc"], scores["labels"]["b"]["auc"]
    assert scores["labels"] == {"a": row(2 / 3, 1, 0.8, 2), "b": row(1, 0.5, 2 / 3, 2)}
    assert scores["micro"] == row(3 / 4, 3 / 4, 3 / 4, 4)
    assert scores["macro"] == row(5 / 6, 0.75, (0.8 + 2 / 3) / 2, 4)
    assert scores["accuracy"] == pytest.approx(1 / 3)


def test_a_missing_label_is_neither_right_nor_wrong() -> None:
    scores = classification_head_scores(
        rows_of([{"a": 1.0}, {"b": 1.0}, {"a": 0.0, "b": 0.0}], ["ab", "ab", ""])
    )
    assert [scores["labels"][label]["f1"] for label in "ab"] == [1.0, 1.0]
    assert scores["accuracy"] == 1.0


def test_a_label_that_never_occurs_has_no_score() -> None:
    scores = classification_head_scores(rows_of([{"a": 0.0}], [""]))
    assert scores["labels"] == {"a": {**NA, "auc": None}}
    assert scores["micro"] is scores["macro"] is None
    scores = classification_head_scores(rows_of([{"a": 0.0}], ["a"]))
    assert scores["labels"] == {"a": {**ONLY_PREDICTED, "auc": None}}


# One definition of the averages, everywhere


@pytest.mark.parametrize("seed", range(5))
def test_one_label_per_item_as_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gold, predicted = (rng.choice(list(letters), 30).tolist() for letters in ("abcd", "abce"))
    rows: list[Row] = [({g: 1.0}, p, {}) for g, p in zip(gold, predicted, strict=True)]
    found = classification_scores(gold, predicted)
    for kind in ("micro", "macro", "weighted"):
        want = precision_recall_fscore_support(gold, predicted, average=kind, zero_division=0)[:3]
        for scores in (found, classification_head_scores(rows)):
            keys = ("precision", "recall", "f1")
            assert [scores[kind][key] for key in keys] == pytest.approx(list(want))
    macro = f1_score(gold, predicted, average="macro")
    assert score_head(rows)["macro_f"] == pytest.approx(macro)


@pytest.mark.parametrize("seed", range(5))
def test_several_labels_per_item_as_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gold, guess = (rng.random((12, 5)) < [0.5, 0.3, 0.1, 0.02, 0.0] for _ in range(2))
    rows = rows_of(
        [dict(zip("abcde", row, strict=True)) for row in gold.astype(float).tolist()],
        ["".join(n for n, yes in zip("abcde", row, strict=True) if yes) for row in guess],
    )
    macro = f1_score(gold, guess, average="macro", zero_division=np.nan)
    micro = f1_score(gold, guess, average="micro")
    scores = classification_head_scores(rows)
    assert scores["macro"]["f1"] == score_head(rows)["macro_f"] == pytest.approx(macro)
    assert scores["micro"]["f1"] == pytest.approx(micro)


def test_nothing_at_all_has_no_average() -> None:
    nothing = np.zeros(3, dtype=int)
    assert averages(nothing, nothing, nothing) == dict.fromkeys(("micro", "macro", "weighted"))
