"""The arithmetic of evaluation: labels in, numbers out; no pipeline, no files.

A value that is not defined is None (n/a), never 0: a label that does not occur in the gold labels
has no recall. Averages follow scikit-learn (see `components.metrics.averages`): they run over all
labels that occur in gold or in the predictions, and a label that is only predicted counts with 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..components.cats_scorer import Row, head_table
from ..components.metrics import averages, mean_or_none, prf

Scores = dict[str, Any]


def classification_scores(gold: Sequence[str], predicted: Sequence[str]) -> Scores:
    """Score one predicted label per item, as scikit-learn's classification report does.

    gold (Sequence[str]): The right label of each item.
    predicted (Sequence[str]): The predicted label of each item, as many.
    RETURNS (dict): "accuracy"; "micro", "macro" and "weighted" averages: precision, recall, f1,
        support; "labels": the same four for each label. None without an item.
    """
    names, tp, fp, fn = label_counts(gold, predicted)
    right = np.array(gold) == np.array(predicted)
    return {
        "accuracy": float(right.mean()) if len(right) else None,
        **average_rows(tp, fp, fn),
        "labels": label_rows(names, tp, fp, fn),
    }


def tag_scores(gold: Sequence[str], predicted: Sequence[str]) -> Scores:
    """Score BIO tags token by token, with and without the O tag.

    gold (Sequence[str]): The right tag of each token, e.g. B-ORG, I-ORG, O.
    predicted (Sequence[str]): The predicted tag of each token.
    RETURNS (dict): As `classification_scores`, and "without_O": the averages over all tags but O.
    """
    names, tp, fp, fn = label_counts(gold, predicted)
    entity = np.array(names) != "O"
    without = average_rows(tp[entity], fp[entity], fn[entity])
    return {**classification_scores(gold, predicted), "without_O": without}


def classification_head_scores(rows: list[Row]) -> Scores:
    """Score one head of a classification.

    rows (list): Per annotated document the gold values, the decision and the probabilities (see
        `components.cats_scorer.head_rows`), at least one.
    RETURNS (dict): "exclusive"; "documents"; "accuracy" (of a head that is not exclusive: all
        labels right); "auc" (mean over the labels of one against the rest); "micro", "macro",
        "weighted"; "labels": as above, and "auc".
    """
    table = head_table(rows)
    counts, auc = table.counts(), table.auc()
    labels = label_rows(table.labels, *counts)
    for label, area in zip(table.labels, auc, strict=True):
        labels[label]["auc"] = area
    return {
        "exclusive": table.exclusive,
        "documents": len(rows),
        "accuracy": table.accuracy(),
        "auc": mean_or_none(auc),
        **average_rows(*counts),
        "labels": labels,
    }


def label_counts(
    gold: Sequence[str], predicted: Sequence[str]
) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Count what was right and wrong of each label, for one label per item.

    RETURNS (tuple): The labels, sorted; true positives, false positives and false negatives.
    """
    names, numbers = np.unique(np.array([*gold, *predicted], dtype=str), return_inverse=True)
    right, found = numbers[: len(gold)], numbers[len(gold) :]
    tp, n_right, n_found = (
        np.bincount(ids, minlength=len(names)) for ids in (right[right == found], right, found)
    )
    return names.tolist(), tp, n_found - tp, n_right - tp


def average_rows(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> Scores:
    """RETURNS (dict): "micro", "macro", "weighted": precision, recall, f1, support each; None where
    `components.metrics.averages` is."""
    support = int((tp + fn).sum())
    means = averages(tp, fp, fn)
    return {kind: row and _long(row, support) for kind, row in means.items()}


def label_rows(names: Sequence[str], tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> Scores:
    """RETURNS (dict): label -> precision, recall, f1, support."""
    columns = zip(names, tp.tolist(), fp.tolist(), fn.tolist(), strict=True)
    return {name: label_row(prf(*c), c[0] + c[2], c[0] + c[1]) for name, *c in columns}


def label_row(values: Mapping[str, float], support: int, predicted: int) -> Scores:
    """One label's row of a table.

    values (Mapping): p, r and f, 0 where they are not defined.
    support (int): How often the label occurs in gold.
    predicted (int): How often it is predicted.
    RETURNS (dict): precision, recall, f1, support. A label that is only predicted has no recall, a
        label that does not occur at all has no score.
    """
    row = _long(values, support)
    if support:
        return row
    return {**row, "recall": None} if predicted else {**dict.fromkeys(row), "support": 0}


def _long(values: Mapping[str, float], support: int) -> Scores:
    return {
        "precision": values["p"],
        "recall": values["r"],
        "f1": values["f"],
        "support": support,
    }
