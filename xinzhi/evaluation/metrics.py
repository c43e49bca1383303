"""The arithmetic of evaluation: labels in, numbers out; no pipeline, no files.

A value that is not defined is None (n/a), never 0: a label that does not occur in the gold labels
has no recall, and averages leave it out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

Scores = dict[str, Any]


def classification_scores(gold: Sequence[str], predicted: Sequence[str]) -> Scores:
    """Score one predicted label per item, as scikit-learn's classification report does.

    Differs from it in one point: labels that occur only in the predictions are listed with None
    and left out of the averages (scikit-learn counts them as 0); their wrong predictions still
    cost accuracy and the precision of no one else.

    gold (Sequence[str]): The right label of each item, at least one item.
    predicted (Sequence[str]): The predicted label of each item, as many.
    RETURNS (dict): "accuracy"; "micro", "macro" and "weighted" (averages over the gold labels:
        precision, recall, f1, support); "labels" (the same four for each label).
    """
    from sklearn.metrics import accuracy_score

    names = sorted(set(gold))
    return {
        "accuracy": float(accuracy_score(gold, predicted)),
        **averages(gold, predicted, names),
        "labels": {**_absent(set(predicted) - set(gold)), **_per_label(gold, predicted, names)},
    }


def averages(gold: Sequence[str], predicted: Sequence[str], names: Sequence[str]) -> Scores:
    """Average precision, recall and F1 over some of the labels.

    gold (Sequence[str]): The right label of each item.
    predicted (Sequence[str]): The predicted label of each item.
    names (Sequence[str]): The labels to average over.
    RETURNS (dict): "micro", "macro", "weighted"; each None if `names` is empty.
    """
    from sklearn.metrics import precision_recall_fscore_support

    kinds = ("micro", "macro", "weighted")
    if not names:
        return dict.fromkeys(kinds)
    support = sum(Counter(gold)[name] for name in names)
    result: Scores = {}
    for kind in kinds:
        values = precision_recall_fscore_support(
            gold, predicted, labels=list(names), average=kind, zero_division=0
        )
        result[kind] = _row(values[0], values[1], values[2], support)
    return result


def tag_scores(gold: Sequence[str], predicted: Sequence[str]) -> Scores:
    """Score BIO tags token by token, with and without the O tag.

    gold (Sequence[str]): The right tag of each token, e.g. B-ORG, I-ORG, O.
    predicted (Sequence[str]): The predicted tag of each token.
    RETURNS (dict): As `classification_scores`, and "without_O": the averages over all tags but O.
    """
    scores = classification_scores(gold, predicted)
    names = sorted(set(gold) - {"O"})
    return {**scores, "without_O": averages(gold, predicted, names)}


def multilabel_scores(
    gold: Sequence[Mapping[str, bool]], predicted: Sequence[Mapping[str, bool]]
) -> Scores:
    """Score any number of labels per item. A label that an item's gold does not mention is missing
    there: neither right nor wrong.

    gold (Sequence[Mapping[str, bool]]): For each item, label -> whether it applies.
    predicted (Sequence[Mapping[str, bool]]): For each item, label -> whether it is predicted.
    RETURNS (dict): "micro", "macro" and "labels", as `classification_scores`.
    """
    from sklearn.metrics import precision_recall_fscore_support

    labels: Scores = {}
    all_gold: list[bool] = []
    all_predicted: list[bool] = []
    for name in sorted({name for item in gold for name in item}):
        pairs = [
            (g[name], p.get(name, False)) for g, p in zip(gold, predicted, strict=True) if name in g
        ]
        right, found = [g for g, _ in pairs], [p for _, p in pairs]
        all_gold += right
        all_predicted += found
        if not any(right):
            labels.update(_absent([name]))
            continue
        values = precision_recall_fscore_support(right, found, average="binary", zero_division=0)
        labels[name] = _row(values[0], values[1], values[2], sum(right))
    if not any(all_gold):
        return {"micro": None, "macro": None, "labels": labels}
    values = precision_recall_fscore_support(
        all_gold, all_predicted, average="binary", zero_division=0
    )
    return {
        "micro": _row(values[0], values[1], values[2], sum(all_gold)),
        "macro": _macro([row for row in labels.values() if row["support"]]),
        "labels": labels,
    }


def _per_label(gold: Sequence[str], predicted: Sequence[str], names: Sequence[str]) -> Scores:
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(gold, predicted, labels=list(names), zero_division=0)
    return {name: _row(*values) for name, *values in zip(names, *columns, strict=True)}


def _absent(names: Any) -> Scores:
    return {
        name: {"precision": None, "recall": None, "f1": None, "support": 0}
        for name in sorted(names)
    }


def _row(precision: float, recall: float, f1: float, support: int) -> Scores:
    return {
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "support": int(support),
    }


def _macro(rows: Sequence[Scores]) -> Scores:
    keys = ("precision", "recall", "f1")
    precision, recall, f1 = (sum(row[key] for row in rows) / len(rows) for key in keys)
    return _row(precision, recall, f1, sum(row["support"] for row in rows))
