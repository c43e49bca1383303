"""The part of the report about one classification head."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, multilabel_confusion_matrix
from spacy.training import Example

from ...components.cats_scorer import HeadTable
from ..confidence import head_cases
from ..counts import head_counts
from ..curves import risk_coverage, threshold_curve
from ..intervals import label_intervals, mean_interval, overall_intervals
from .cases import HeadCases


def head_detail(head: str, cases: HeadCases, examples: list[Example]) -> dict[str, Any]:
    """What the report adds to the scores of a head.

    head (str): Its name.
    cases (HeadCases): Its decisions.
    examples (list[Example]): All documents.
    RETURNS (dict): "intervals" (with "accuracy") and "label_intervals", "confusion", "curves"
        (label -> precision and recall by threshold), "threshold_curve", "risk_coverage",
        "abstained".
    """
    table, counts = cases.table, head_counts(cases.rows)
    confidence, correct = head_cases(cases.rows)
    return {
        "intervals": {"accuracy": mean_interval(cases.right), **overall_intervals(counts)},
        "label_intervals": label_intervals(counts),
        "confusion": _confusion(table),
        "curves": {label: _curve(table, i) for i, label in enumerate(table.labels)},
        "threshold_curve": _decision_curve(table, confidence, correct),
        "risk_coverage": risk_coverage(confidence, correct),
        "abstained": _abstained(head, cases, examples),
    }


def _confusion(table: HeadTable) -> dict[str, Any]:
    """Gold by predicted label as "cells", rows of numbers; the last column is for documents that
    nothing was decided for. Of a head that is not exclusive "tn", "fp", "fn", "tp" of each label.
    """
    size = len(table.labels)
    if not table.exclusive:
        cells = multilabel_confusion_matrix(table.truth & table.known, table.guess & table.known)
        tn, fp, fn, tp = cells.reshape(-1, 4).T
        tn = tn - (~table.known).sum(0)
        counts = {"tn": tn, "fp": fp, "fn": fn, "tp": tp}
        return {"labels": table.labels, **{name: c.tolist() for name, c in counts.items()}}
    decided = np.where(table.guess.any(1), table.guess.argmax(1), size)
    matrix = confusion_matrix(table.truth.argmax(1), decided, labels=range(size + 1))
    return {"labels": table.labels, "cells": matrix[:size].tolist()}


def _curve(table: HeadTable, label: int) -> dict[str, Any] | None:
    known = table.known[:, label]
    truth = table.truth[known, label]
    return threshold_curve(table.prob[known, label], truth, int(truth.sum()))


def _decision_curve(
    table: HeadTable, confidence: np.ndarray, correct: np.ndarray
) -> dict[str, Any] | None:
    """Of an exclusive head: its decisions by confidence. Of any other: every label of every
    document by probability."""
    if table.exclusive:
        return threshold_curve(confidence, correct, len(correct))
    truth = table.truth[table.known]
    return threshold_curve(table.prob[table.known], truth, int(truth.sum()))


def _abstained(head: str, cases: HeadCases, examples: list[Example]) -> dict[str, Any]:
    """How the head's own abstention works out: "n" documents, and the accuracy of the others."""
    reasons = [_reasons(examples[number]) for number in cases.documents]
    held = np.array([head in found for found in reasons], dtype=bool)
    kept = cases.right[~held]
    return {"n": int(held.sum()), "accuracy": float(kept.mean()) if len(kept) else None}


def _reasons(example: Example) -> dict[str, Any]:
    doc = example.predicted
    return doc._.abstained if doc.has_extension("abstained") else {}
